// Reads the command line. The values of options are checked later, with all other options.
import { parseArgs } from 'node:util'
import { ADMIN_PORT } from '../options/admin.ts'
import type { SessionRule, StickyOptions } from '../options/options.ts'

/** `holdfast program.js`: run a program. */
export interface Run {
  command: 'run'
  program: string
  /** Arguments of the program. */
  args: string[]
  /** Node flags for the workers. */
  nodeArgs: string[]
  /** Path of a file with options. The flags override them. */
  config: string | undefined
  flags: Flags
}

/** The options that were given as flags. Plain data, ready for JSON. */
export type Flags = Pick<
  StickyOptions,
  'port' | 'host' | 'workers' | 'steering' | 'balance' | 'standby' | 'admin' | 'proxyProtocol' | 'cwd'
> & { session?: SessionRule[] }

/** `holdfast status`, `reload`, `scale`: a request to a running balancer. */
export interface Control {
  command: 'status' | 'reload' | 'scale'
  /** Port of its admin interface. */
  admin: number
  /** The argument of `scale`. */
  workers: string | undefined
  json: boolean
}

export type CommandLine = Run | Control | { command: 'help' } | { command: 'version' }

/** An invalid command line. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

const OPTIONS = {
  port: { type: 'string', short: 'p' },
  host: { type: 'string' },
  workers: { type: 'string', short: 'w' },
  steering: { type: 'string' },
  balance: { type: 'string' },
  session: { type: 'string', multiple: true },
  trust: { type: 'string', multiple: true },
  standby: { type: 'string' },
  admin: { type: 'string' },
  cwd: { type: 'string' },
  config: { type: 'string', short: 'c' },
  node: { type: 'string', multiple: true },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

const CONTROLS = ['status', 'reload', 'scale'] as const

/** @throws UsageError */
export function readArguments(argv: readonly string[]): CommandLine {
  const [own, [first, ...more]] = splitAtProgram(argv)
  const command = CONTROLS.find((name) => name === first)
  if (command !== undefined) return readControl(command, [...own, ...more])
  // `run` allows a program that has the name of a command.
  if (first === 'run') return readRun(own, splitAtProgram(more))
  return readRun([], [own, first === undefined ? [] : [first, ...more]])
}

function readRun(before: readonly string[], [own, [program, ...args]]: ReturnType<typeof splitAtProgram>): CommandLine {
  const { values } = parse([...before, ...own])
  if (values.help) return { command: 'help' }
  if (values.version) return { command: 'version' }
  if (program === undefined) throw new UsageError('no program is named; write holdfast app.js')
  if (values.json) throw new UsageError('--json works only with holdfast status')
  const { config, node: nodeArgs = [] } = values
  return { command: 'run', program, args, nodeArgs, config, flags: flagsOf(values) }
}

type Values = ReturnType<typeof parse>['values']

function parse(args: readonly string[], allowPositionals = false) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, allowPositionals })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

/** Splits before the first positional argument: everything behind the program belongs to the program. */
function splitAtProgram(argv: readonly string[]): [own: string[], rest: string[]] {
  const { tokens } = parseArgs({
    args: [...argv],
    options: OPTIONS,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })
  const at = tokens.find(({ kind }) => kind === 'positional')?.index ?? argv.length
  return [argv.slice(0, at).filter((text) => text !== '--'), argv.slice(at)]
}

function readControl(command: Control['command'], args: readonly string[]): CommandLine {
  const { values, positionals } = parse(args, true)
  const { admin, json = false, help, version, ...others } = values
  if (help) return { command: 'help' }
  if (version) return { command: 'version' }
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) throw new UsageError(`--${unknown} works only when a program is started`)
  if (positionals.length !== Number(command === 'scale')) {
    throw new UsageError(`wrong number of arguments; write holdfast ${command}${command === 'scale' ? ' 4' : ''}`)
  }
  return { command, admin: readNumber('--admin', admin) ?? ADMIN_PORT, workers: positionals[0], json }
}

function flagsOf(values: Values): Flags {
  const { host, steering, balance, trust, session, cwd } = values
  const numbers = {
    port: readNumber('--port', values.port),
    workers: readNumber('--workers', values.workers),
    standby: readNumber('--standby', values.standby),
    admin: readNumber('--admin', values.admin),
  }
  const all = {
    ...numbers,
    host,
    cwd,
    steering,
    balance,
    session: session?.map(readRule),
    proxyProtocol: trust === undefined ? undefined : { trust },
  }
  // readSettings() refuses invalid words.
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

function readNumber(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new UsageError(`${flag}: expected a whole number, got '${text}'`)
}

function readRule(text: string): SessionRule {
  const [, kind, name] = /^(cookie|own-cookie|header):(.+)$/.exec(text) ?? []
  if (name === undefined) {
    throw new UsageError(`--session: expected cookie:NAME, own-cookie:NAME or header:NAME, got '${text}'`)
  }
  if (kind === 'header') return { header: name }
  return kind === 'cookie' ? { cookie: name } : { cookie: name, set: false }
}

/** The text of `holdfast --help`. */
export function usage(): string {
  return `Usage: holdfast [run] [options] program.js [arguments of the program]
       holdfast status [--json] | reload | scale N    [--admin PORT]

Runs a program that listens on a TCP port in several processes behind that port, by default one per CPU core. Every
client keeps reaching the same process. The program needs no change: its call of listen() gets the connections.

  -p, --port N           port to listen on (default: PORT, else 3000); the program gets it in PORT
      --host ADDRESS     address to listen on (default: all addresses)
  -w, --workers N        number of processes, 1 to 256 (default: WEB_CONCURRENCY, else one per core)
      --standby N        number of standby processes; one of them takes the place of a process that dies
      --steering HOW     handoff, kernel (on Linux) or auto
      --balance HOW      address, round-robin or least-connections
      --session RULE     all requests of one session go to one process; may be repeated. The rule is cookie:NAME for a
                         cookie that Holdfast sets, own-cookie:NAME for one that the program sets, or header:NAME.
                         For Socket.IO call attachSocketIO(io) in the program instead
      --trust NETWORK    address or network of a proxy in front that sends the PROXY protocol; may be repeated
      --admin PORT       status, metrics and a page on 127.0.0.1:PORT; the commands status, reload and scale connect
                         to it (default there: ${ADMIN_PORT})
      --cwd FOLDER       working directory of the processes, where the program is looked for; a reload follows a
                         symbolic link in it to its new target
  -c, --config FILE      more options: a JSON file, or a module with a default export; flags override the file
      --node FLAG        a Node flag for the processes: --node=--max-old-space-size=512; may be repeated
  -h, --help             show this help
  -v, --version          show the version

SIGTERM and Ctrl-C end the program when its connections are finished, SIGHUP and SIGUSR2 reload it.
`
}
