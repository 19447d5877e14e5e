// npm run soak: a real browser with five tabs, each connection at another worker; no session may be lost.
import { chromium } from 'playwright-core'
import { startBalancer, type Scope } from '../support/balancer.ts'
import { BROWSER_ARGUMENTS, CHROMIUM } from '../support/browser.ts'
import { missing } from '../support/installed.ts'
import { USAGE, UsageError } from '../support/usage.ts'
import { readArguments, type Arguments } from './arguments.ts'
import { talkFor, type Findings } from './tabs.ts'
import { WAYS, type Way } from './ways.ts'

const HELP = `npm run soak -- [options]

Three workers, connections dealt out in turn (balance: 'round-robin'), and five tabs of one Chromium that talk to each
other over Socket.IO, by polling only and with its default transports; straight to the port, through nginx, and through
HAProxy. No answer may have status 400, and every message has to reach every tab once and in order.

Options:
  --seconds N        of each combination (60)
  --quick            5 seconds each, for CI
  --only NAME        one way: ${WAYS.map(({ name }) => name).join(', ')}
  --help

Exit code: 0 all went well, 1 something did not, 64 a wrong command line. It uses only loopback.
`

const WORKERS = 3
const TRANSPORTS = ['polling', 'polling,websocket']

const say = (text: string): void => void process.stdout.write(text)

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))

process.exit(await main())

async function main(): Promise<number> {
  let settings: Arguments
  try {
    settings = readArguments(process.argv.slice(2))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`soak: ${error.message}\nnpm run soak -- --help shows what there is.\n`)
    return USAGE
  }
  if (settings.help) {
    say(HELP)
    return 0
  }
  let well = true
  for (const way of WAYS) {
    if (settings.only !== undefined && settings.only !== way.name) continue
    const absent = [CHROMIUM, ...(way.name === 'direct' ? [] : [way.name])]
      .map(missing)
      .find((reason) => reason !== false)
    if (absent === undefined) well = (await play(way, settings.seconds)) && well
    else say(`\n${way.title}: left out, ${absent}\n`)
  }
  say(well ? '\nall went well\n' : '\nsomething did not\n')
  return well ? 0 : 1
}

async function play(way: Way, seconds: number): Promise<boolean> {
  const ends: (() => unknown)[] = []
  const scope: Scope = { teardown: (end) => void ends.unshift(end) }
  try {
    const options = { workers: WORKERS, balance: 'round-robin' } as const
    const balancer = await startBalancer(scope, { fixture: 'soak-app', options })
    const port = await way.open(scope, balancer.port)
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: BROWSER_ARGUMENTS })
    scope.teardown(() => browser.close())
    let well = true
    for (const transports of TRANSPORTS) {
      say(`\n${way.title}, ${transports === 'polling' ? 'polling only' : 'default transports'}\n`)
      const step = Math.max(1, Math.round(seconds / 6))
      const progress = (second: number): void => {
        if (second % step === 0) say(`  ${second} of ${seconds} s\n`)
      }
      const findings = await talkFor(browser, `http://127.0.0.1:${port}/`, transports, seconds, progress)
      const served = (await balancer.status()).workers.map(({ beat }) => beat?.served ?? 0)
      well = printFindings(findings, served) && well
    }
    return well
  } finally {
    for (const end of ends) await end()
  }
}

/** Prints the findings. @param served - connections by worker. @returns whether there was no failure */
function printFindings(findings: Findings, served: readonly number[]): boolean {
  const { refused, complaints, disconnects, workers, transports, sent, wrong } = findings
  say(`  ${sent} messages to five tabs each; sessions on workers ${workers.join(', ')} by ${transports.join(', ')}\n`)
  say(
    `  connections by worker: ${served.join(', ')}; answers with status 400: ${refused}; lost sessions: ${disconnects}\n`,
  )
  const problems = [
    ...(refused > 0 ? [`${refused} answers with status 400`] : []),
    ...(disconnects > 0 ? [`${disconnects} sessions ended`] : []),
    ...(served.some((count) => count === 0) ? ['a worker got no connection'] : []),
    ...complaints,
    ...wrong,
  ]
  for (const problem of problems) say(`  FAILED ${problem}\n`)
  return problems.length === 0
}
