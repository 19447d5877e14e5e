// npm run chaos: breaks workers under load. The exit code says whether only clients of killed processes were cut off.
import { USAGE, UsageError } from '../support/usage.ts'
import { readArguments, type Arguments } from './arguments.ts'
import { COMBINATIONS } from './combinations.ts'
import { plan, withStandby } from './plan.ts'
import { play } from './session.ts'

const HELP = `npm run chaos -- [options]

A balancer with three workers serves 60 clients while its processes are killed, stopped, blocked, broken and exhausted,
and while it is reloaded and scaled. After each step the balancer has to be in order again: every client reaches the
worker that explain() names, no descriptor or process is left over, no request hangs, and only clients of a killed
process were cut off.

Options:
  --seed N           seed of the plan; the same seed makes the same plan (random)
  --steps N          steps of each combination (26)
  --quick            one short round, for CI
  --only NAME        one combination: ${COMBINATIONS.map(({ name }) => name).join(', ')}
  --help

Exit code: 0 success, 1 a check failed, 64 an invalid command line. The run needs Linux, and uses loopback only.
`

const say = (text: string): void => void process.stdout.write(text)

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))

process.exit(await main())

async function main(): Promise<number> {
  let settings: Arguments
  try {
    settings = readArguments(process.argv.slice(2), Math.random())
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`chaos: ${error.message}\nnpm run chaos -- --help lists the options.\n`)
    return USAGE
  }
  const { help, seed, steps, only } = settings
  if (help) {
    say(HELP)
    return 0
  }
  say(`seed ${seed}\n`)
  let well = true
  for (const [run, combination] of COMBINATIONS.entries()) {
    if (only !== undefined && only !== combination.name) continue
    const standby = withStandby(seed, run) ? 1 : 0
    say(`\n${combination.title}${standby === 0 ? '' : ', with a standby process'}\n`)
    well = (await play(combination, { steps: plan(seed, steps, run), standby }, say)) && well
  }
  say(
    well
      ? '\nall went well\n'
      : `\nsomething did not: npm run chaos -- --seed ${seed} --steps ${steps} does it again\n`,
  )
  return well ? 0 : 1
}
