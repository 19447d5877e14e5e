// The command line: what is asked for, and in words what can be. What values may be is checked where all options are.
import { parseArgs } from 'node:util'
import { ADMIN_PORT } from '../options/admin.ts'
import type { SessionRule, StickyOptions } from '../options/options.ts'

/** A program to run. */
export interface Run {
  command: 'run'
  program: string
  /** Its own. */
  args: string[]
  nodeArgs: string[]
  /** Path of a file with options, over which the flags go. */
  config: string | undefined
  flags: Flags
}

/** As the flags say; a part of the options, fit for JSON. */
export type Flags = Pick<
  StickyOptions,
  'port' | 'host' | 'workers' | 'steering' | 'balance' | 'standby' | 'admin' | 'proxyProtocol'
> & { session?: SessionRule[] }

/** Something to ask one that runs. */
export interface Control {
  command: 'status' | 'reload' | 'scale'
  /** Of its admin interface. */
  admin: number
  workers: string | undefined
  json: boolean
}

export type Asked = Run | Control | { command: 'help' } | { command: 'version' }

/** The command line makes no sense. */
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
  config: { type: 'string', short: 'c' },
  node: { type: 'string', multiple: true },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean', short: 'v' },
} as const

const CONTROLS = ['status', 'reload', 'scale'] as const

/** @throws UsageError */
export function readArguments(argv: readonly string[]): Asked {
  const [own, [first, ...more]] = divide(argv)
  const command = CONTROLS.find((name) => name === first)
  if (command !== undefined) return readControl(command, [...own, ...more])
  // For a program that is called like one of the commands.
  if (first === 'run') return readRun(own, divide(more))
  return readRun([], [own, first === undefined ? [] : [first, ...more]])
}

function readRun(before: readonly string[], [own, [program, ...args]]: ReturnType<typeof divide>): Asked {
  const { values } = parse([...before, ...own])
  if (values.help) return { command: 'help' }
  if (values.version) return { command: 'version' }
  if (program === undefined) throw new UsageError('which program? write holdfast app.js')
  if (values.json) throw new UsageError('--json is for holdfast status')
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

/** What stands behind the program is the program's. */
function divide(argv: readonly string[]): [own: string[], rest: string[]] {
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

function readControl(command: Control['command'], args: readonly string[]): Asked {
  const { values, positionals } = parse(args, true)
  const { admin, json = false, help, version, ...others } = values
  if (help) return { command: 'help' }
  if (version) return { command: 'version' }
  const [stranger] = Object.keys(others)
  if (stranger !== undefined) throw new UsageError(`--${stranger} is for programs that are started`)
  if (positionals.length !== Number(command === 'scale')) {
    throw new UsageError(`write holdfast ${command}${command === 'scale' ? ' 4' : ''}`)
  }
  return { command, admin: number('--admin', admin) ?? ADMIN_PORT, workers: positionals[0], json }
}

function flagsOf(values: Values): Flags {
  const { host, steering, balance, trust, session } = values
  const numbers = {
    port: number('--port', values.port),
    workers: number('--workers', values.workers),
    standby: number('--standby', values.standby),
    admin: number('--admin', values.admin),
  }
  const all = {
    ...numbers,
    host,
    steering,
    balance,
    session: session?.map(rule),
    proxyProtocol: trust === undefined ? undefined : { trust },
  }
  // A wrong word in one of them is named where all options are read.
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined))
}

function number(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new UsageError(`${flag}: expected a whole number, got '${text}'`)
}

function rule(text: string): SessionRule {
  const [, kind, name] = /^(cookie|own-cookie|header):(.+)$/.exec(text) ?? []
  if (name === undefined) {
    throw new UsageError(`--session: expected cookie:NAME, own-cookie:NAME or header:NAME, got '${text}'`)
  }
  if (kind === 'header') return { header: name }
  return kind === 'cookie' ? { cookie: name } : { cookie: name, set: false }
}

export function usage(): string {
  return `Usage: holdfast [run] [options] program.js [arguments of the program]
       holdfast status [--json] | reload | scale N    [--admin PORT]

Runs a program that listens on a TCP port once per core, behind one port, and every client keeps reaching the same
process. The program needs no change: its listen() on that port gets the connections.

  -p, --port N           where to listen (default: PORT, else 3000); the program finds it in PORT
      --host ADDRESS     address to listen on (default: all)
  -w, --workers N        processes, 1 to 256 (default: WEB_CONCURRENCY, else one per core)
      --standby N        standby processes; one takes a dead one's place at once
      --steering HOW     handoff, kernel (Linux) or auto
      --balance HOW      address, round-robin or least-connections
      --session RULE     requests of one session go to one process: cookie:NAME (set for you), own-cookie:NAME or
                         header:NAME; may be repeated. Socket.IO: call attachSocketIO(io) in the program
      --trust NETWORK    a proxy in front speaks the PROXY protocol, from there; may be repeated
      --admin PORT       status, metrics and a page on 127.0.0.1:PORT; what the other commands talk to (default
                         there: ${ADMIN_PORT})
  -c, --config FILE      more options: JSON, or a module whose default export has them; flags go over it
      --node FLAG        a flag for the processes' Node, as in --node=--max-old-space-size=512; may be repeated
  -h, --help             show this
  -v, --version          show the version

SIGTERM and Ctrl-C end it tidily, SIGHUP and SIGUSR2 reload it.
`
}
