// npm run fuzz: random bytes for the parsers that read data from unknown clients.
import { parseProxyHeader } from '../../src/affinity/proxy-header.ts'
import { random } from '../support/random.ts'
import { USAGE, UsageError } from '../support/usage.ts'
import { readArguments, type Arguments } from './arguments.ts'
import { check } from './check.ts'
import { inputOf } from './inputs.ts'

const HELP = `npm run fuzz -- [options]

Valid, mutated, truncated and random PROXY protocol headers of both versions go through the parsers: nothing may throw, no
byte behind the header may be asked for, every split has to give the same verdict, and the verdict has to be the one of a
second implementation.

Options:
  --seed N           the same seed makes the same inputs (a random one)
  --inputs N         how many (1,000,000)
  --quick            50,000, for CI
  --help

Exit code: 0 all went well, 1 something did not, 64 a wrong command line.
`

const say = (text: string): void => void process.stdout.write(text)
const grouped = (count: number): string => count.toLocaleString('en')

process.exitCode = main()

function main(): number {
  let settings: Arguments
  try {
    settings = readArguments(process.argv.slice(2), Math.random())
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`fuzz: ${error.message}\nnpm run fuzz -- --help shows what there is.\n`)
    return USAGE
  }
  const { help, seed, inputs } = settings
  if (help) {
    say(HELP)
    return 0
  }
  say(`seed ${seed}\n`)
  const begun = performance.now()
  const seconds = () => ((performance.now() - begun) / 1000).toFixed(1)
  const counts = { header: 0, bad: 0, more: 0 }
  const next = random(seed)
  for (let index = 0; index < inputs; index++) {
    const input = inputOf(seed, index)
    try {
      counts[check(input, parseProxyHeader, next)]++
    } catch (error) {
      say(`\ninput ${index} of seed ${seed}: ${error instanceof Error ? error.stack : String(error)}\n`)
      say(`${input.toString('hex')}\n${JSON.stringify(input.toString('latin1'))}\n`)
      return 1
    }
    if ((index + 1) % Math.ceil(inputs / 10) === 0) say(`${grouped(index + 1)} inputs, ${seconds()} s\n`)
  }
  say(`\n${grouped(counts.header)} headers, ${grouped(counts.bad)} refused, ${grouped(counts.more)} incomplete\n`)
  say(`all went well, in ${seconds()} s\n`)
  return 0
}
