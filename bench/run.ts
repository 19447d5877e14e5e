// npm run bench: asks the questions and prints the tables. The exit code says whether every contender answered.
import { broadcast } from './broadcast.ts'
import { connections } from './connections.ts'
import { hash } from './hash.ts'
import { requests } from './requests.ts'
import { scale } from './scale.ts'
import { sessions } from './sessions.ts'
import { slots } from './slots.ts'
import { standby } from './standby.ts'
import { start } from './start.ts'
import { readArguments, UsageError, type Arguments, type Settings } from './support/arguments.ts'
import { describeMachine } from './support/machine.ts'
import { progressDone } from './support/progress.ts'
import { record } from './support/record.ts'
import type { Report } from './support/report.ts'
import { terminalTable } from './support/text-table.ts'

const QUESTIONS: Record<string, (settings: Settings) => Promise<Report>> = {
  connections,
  requests,
  scale,
  sessions,
  broadcast,
  standby,
  start,
  slots,
  hash,
}

const HELP = `npm run bench -- [question...] [options]

Questions (all of them by default):
  connections        server CPU per short connection, against the other ways
  requests           server CPU per request and per WebSocket message on open connections
  scale              1 to 8 workers; 10,000 and 50,000 idle WebSockets; a killed worker
  sessions           server CPU of the session layer, at home and at another worker
  broadcast          messages from worker to worker: the bus, Socket.IO's adapters, process.send
  standby            a killed worker: a new process against a standby one
  start              time, CPU and memory of a start, against node:cluster and PM2
  slots              balance and disruption of the slot table, against other hashes
  hash               nanoseconds from an address to its worker

Options:
  --quick            small and short, for CI: fails unless every contender answers
  --rounds N         rounds, each with every contender (3)
  --connections N    short connections per round and contender (20000)
  --node PATH        run the servers with this Node.js binary
  --only NAME,...    these contenders only: single, reuseport, kernel, handoff, node-ipc, cluster, sticky-session,
                     sticky-cluster, socket.io-sticky, nginx-http, nginx-stream, haproxy; of broadcast: naive,
                     ipc-bus, redis-bus, cluster-adapter, redis-adapter, bridge; of start: single, published,
                     unbundled, cluster, pm2
  --write            keep the figures in bench/results, update bench/README.md and bench/plots
  --help

The bench uses loopback only. It needs Linux: the CPU time of the servers comes from /proc.
`

/** EX_USAGE of sysexits.h. */
const USAGE = 64

// An 'exit' listener in support/program.ts ends the servers.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))

process.exit(await main())

async function main(): Promise<number> {
  let settings: Arguments
  try {
    settings = readArguments(process.argv.slice(2), Object.keys(QUESTIONS))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`bench: ${error.message}\nnpm run bench -- --help lists the options.\n`)
    return USAGE
  }
  if (settings.help) {
    process.stdout.write(HELP)
    return 0
  }
  if (process.platform !== 'linux') {
    process.stderr.write('bench: needs Linux, because the CPU time of the servers comes from /proc\n')
    return 1
  }
  const machine = describeMachine(settings.node)
  let failed = false
  for (const question of settings.questions) {
    const report = await QUESTIONS[question]?.(settings)
    if (report === undefined) continue
    progressDone()
    print(question, report)
    if (settings.quick)
      process.stdout.write('\nQuick: this run shows that the contenders answer; its figures mean little.\n')
    failed ||= report.failures.length > 0
    if (settings.write) record(question, { machine, command: command(question, report, settings), report })
  }
  return failed ? 1 : 0
}

function print(question: string, { tables, notes, failures }: Report): void {
  process.stdout.write(`\n${question}\n\n${[...tables.map(terminalTable), ...notes].join('\n\n')}\n`)
  for (const failure of failures) process.stdout.write(`FAILED ${failure}\n`)
}

/** The command that repeats the run on another machine, without paths of this machine. */
function command(question: string, { exact }: Report, settings: Arguments): string {
  const { rounds, connections: count, node, version } = settings
  const other = node === process.execPath ? '' : ` --node <Node.js ${version}>`
  if (exact === true) return `npm run bench -- ${question}`
  return `npm run bench -- ${question} --rounds ${rounds} --connections ${count}${other}`
}
