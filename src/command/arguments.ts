// Reads the command line. readSettings() checks the values of the options, together with those of the file.
import { parseArgs } from 'node:util'
import { ADMIN_PORT } from '../options/admin.ts'
import type { SessionRule, StickyOptions } from '../options/options.ts'
import { nearestOf, numberOf, Reader, type Flag, type Flagged } from '../options/reader.ts'
import { isWorkerCount, WORKER_COUNT } from '../options/worker-count.ts'

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
  /** Reload when a file changes: one of these files and folders, or, where there are none, one that was loaded. */
  watch: { paths: string[] } | undefined
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
  workers: number | undefined
  json: boolean
}

export type CommandLine = Run | Control | { command: 'help' } | { command: 'version' }

/** An invalid command line. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** What parseArgs() needs, and for a flag with a value what error messages say. */
const FLAGS = {
  port: { type: 'string', short: 'p', example: '3000' },
  host: { type: 'string', example: '127.0.0.1' },
  workers: { type: 'string', short: 'w', example: '4', expected: WORKER_COUNT },
  steering: { type: 'string', example: 'auto' },
  balance: { type: 'string', example: 'round-robin' },
  session: {
    type: 'string',
    multiple: true,
    example: 'cookie:worker',
    expected: 'cookie:NAME, own-cookie:NAME or header:NAME',
  },
  trust: { type: 'string', multiple: true, example: '10.0.0.0/8' },
  standby: { type: 'string', example: '1' },
  admin: { type: 'string', example: String(ADMIN_PORT) },
  cwd: { type: 'string', example: '/srv/app/current' },
  config: { type: 'string', short: 'c', example: 'holdfast.mjs' },
  node: { type: 'string', multiple: true, example: '--max-old-space-size=512' },
  watch: { type: 'boolean' },
  'watch-path': { type: 'string', multiple: true, example: 'views' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

/** The flag of an option, where its name is another one. */
const OTHER_NAMES: Partial<Record<string, keyof typeof FLAGS>> = { proxyProtocol: 'trust' }

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

/** The flags behind these options, for error messages. */
export function flagged(flags: Flags): Flagged {
  const entries = Object.keys(flags).map((option) => {
    const name = OTHER_NAMES[option] ?? option
    return [option, { ...(FLAGS as Record<string, object>)[name], name: `--${name}` } as Flag] as const
  })
  return Object.fromEntries(entries)
}

/**
 * The arguments of the program that look like flags of the command: a flag after the program goes to the program.
 *
 * @returns with their values, as they stand
 */
export function flagsAfterProgram(args: readonly string[]): string[] {
  const end = args.indexOf('--')
  const own = args.slice(0, end === -1 ? undefined : end)
  return tokensOf(own).flatMap((token) => {
    // Many programs have --help and --version of their own.
    if (token.kind !== 'option' || (exampleOf(token.name) === undefined && token.name !== 'watch')) return []
    const value = token.inlineValue === false && token.value !== undefined ? [token.value] : []
    return [own[token.index] ?? '', ...value]
  })
}

function readRun(before: readonly string[], [own, [program, ...args]]: ReturnType<typeof splitAtProgram>): CommandLine {
  const { values } = parse([...before, ...own])
  if (values.help) return { command: 'help' }
  if (values.version) return { command: 'version' }
  if (program === undefined) throw new UsageError('no program is named; write holdfast app.js')
  if (values.json) throw new UsageError('--json works only with holdfast status')
  const { config, node: nodeArgs = [], 'watch-path': paths = [] } = values
  const watch = values.watch || paths.length > 0 ? { paths } : undefined
  return { command: 'run', program, args, nodeArgs, config, watch, flags: flagsOf(values) }
}

type Values = ReturnType<typeof parse>['values']

/** @throws UsageError */
function parse(args: readonly string[], allowPositionals = false) {
  const plain = tokensOf(args).flatMap((token) => {
    if (token.kind !== 'option') return token.value ?? []
    checkFlag(token)
    return `--${token.name}${token.value === undefined ? '' : `=${token.value}`}`
  })
  return parseArgs({ args: plain, options: FLAGS, allowPositionals })
}

/** In place of Node's own check, whose errors show no example. @throws UsageError */
function checkFlag({ name, rawName, value, inlineValue }: OptionToken): void {
  if (!Object.hasOwn(FLAGS, name)) {
    const nearest = nearestOf(name, Object.keys(FLAGS))
    throw new UsageError(`unknown flag ${rawName}${nearest === undefined ? '' : `; did you mean --${nearest}?`}`)
  }
  const example = exampleOf(name)
  if (example === undefined && value !== undefined) throw new UsageError(`--${name} has no value; write --${name}`)
  if (example === undefined) return
  // The value of --node is a flag, and a negative number is checked with the other numbers.
  const isFlag = inlineValue === false && name !== 'node' && /^-\D/.test(value ?? '')
  if (value !== undefined && !isFlag) return
  const got = value === undefined ? 'nothing' : `the flag ${value}`
  throw new UsageError(`--${name}: expected a value, got ${got}; write --${name} ${example}`)
}

/** undefined for a flag without a value, and for an unknown one. */
function exampleOf(name: string): string | undefined {
  return Object.hasOwn(FLAGS, name) ? (FLAGS as Record<string, { example?: string }>)[name]?.example : undefined
}

/** Splits before the first positional argument: everything behind the program belongs to the program. */
function splitAtProgram(argv: readonly string[]): [own: string[], rest: string[]] {
  const at = tokensOf(argv).find(({ kind }) => kind === 'positional')?.index ?? argv.length
  return [argv.slice(0, at).filter((text) => text !== '--'), argv.slice(at)]
}

interface OptionToken {
  kind: 'option'
  index: number
  name: string
  /** With its dashes. */
  rawName: string
  value: string | undefined
  inlineValue: boolean | undefined
}

interface OtherToken {
  kind: 'positional' | 'option-terminator'
  index: number
  value?: string
}

function tokensOf(args: readonly string[]): (OptionToken | OtherToken)[] {
  const how = { strict: false, allowPositionals: true, tokens: true, options: FLAGS } as const
  return parseArgs({ args: withAdminPort(args), ...how }).tokens
}

/** `--admin` without a port means the default port: what follows is a port only if it begins with a digit. */
function withAdminPort(args: readonly string[]): string[] {
  const isBare = (text: string, i: number) => text === '--admin' && !/^-?\d/.test(args[i + 1] ?? '')
  return args.map((text, i) => (isBare(text, i) ? `--admin=${ADMIN_PORT}` : text))
}

function readControl(command: Control['command'], args: readonly string[]): CommandLine {
  const { values, positionals } = parse(args, true)
  const { admin, json = false, help, version, ...others } = values
  if (help) return { command: 'help' }
  if (version) return { command: 'version' }
  const example = `holdfast ${command}${command === 'scale' ? ' 4' : ''}`
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) {
    throw new UsageError(`--${unknown} works only when a program is started; write ${example}`)
  }
  if (positionals.length !== Number(command === 'scale')) {
    throw new UsageError(`wrong number of arguments; write ${example}`)
  }
  return { command, admin: readAdminPort(admin), workers: readWorkers(positionals[0]), json }
}

/** @throws UsageError */
function readAdminPort(text: string | undefined): number {
  const read = new Reader('options', { admin: text }, flagged({ admin: text }))
  return asUsage(() => read.integer('admin', { min: 1, max: 65535, fallback: ADMIN_PORT, text: true }))
}

/** The argument of `scale`. @throws UsageError */
function readWorkers(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const workers = numberOf(text)
  if (isWorkerCount(workers)) return workers
  throw new UsageError(`scale: expected ${FLAGS.workers.expected}, got '${text}'; write holdfast scale 4`)
}

/** An invalid option is an error of the command line. @throws UsageError */
export function asUsage<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) throw new UsageError(error.message)
    throw error
  }
}

function flagsOf(values: Values): Flags {
  const { port, host, workers, steering, balance, standby, admin, session, trust, cwd } = values
  const all = {
    port,
    host,
    workers,
    cwd,
    steering,
    balance,
    standby,
    admin,
    session: session?.map(readRule),
    proxyProtocol: trust === undefined ? undefined : { trust },
  }
  // readSettings() refuses invalid values.
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

/** @throws UsageError */
function readRule(text: string): SessionRule {
  const [, kind, name] = /^(cookie|own-cookie|header):(.+)$/.exec(text) ?? []
  if (name === undefined) {
    const { expected, example } = FLAGS.session
    throw new UsageError(`--session: expected ${expected}, got '${text}'; write --session ${example}`)
  }
  if (kind === 'header') return { header: name }
  return kind === 'cookie' ? { cookie: name } : { cookie: name, set: false }
}

/** The text of `holdfast --help`. */
export function usage(): string {
  return `Usage: holdfast [run] [options] program.js [arguments of the program]
       holdfast status [--json] | reload | scale N    [--admin PORT]

Runs a program in several processes that share the ports and paths it listens on, by default one per CPU core. Every
client keeps reaching the same process. The program needs no change: its calls of listen() get the connections.

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
      --watch            reload when a file changes that the program has loaded
      --watch-path PATH  reload when this file changes, or a file in this folder, in place of the loaded ones; may be
                         repeated
  -c, --config FILE      more options: a JSON file, or a module with a default export; flags override the file
      --node FLAG        a Node flag for the processes: --node=--max-old-space-size=512; may be repeated
  -h, --help             show this help
  -v, --version          show the version

SIGTERM and Ctrl-C end the program when its connections are finished, SIGHUP and SIGUSR2 reload it.
`
}
