// Options become frozen Settings, checked once. Each nested option has a reader of its own beside this file.
import { statSync } from 'node:fs'
import type { Server } from 'node:net'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import type { AffinitySettings } from '../affinity/address.ts'
import type { SessionRule } from '../affinity/session.ts'
import { StickyError } from '../errors.ts'
import { consoleLogger, safeLogger, silentLogger, type Logger } from '../logger.ts'
import { MAX_WORKERS } from '../slots/slot-table.ts'
import { ADMIN_PORT, readAdmin, type AdminSettings } from './admin.ts'
import { readAffinity } from './affinity.ts'
import { withoutDebugger } from './debugger-flags.ts'
import { readHealth, type HealthSettings } from './health.ts'
import { readLimits, type LimitsSettings } from './limits.ts'
import type { Balance, SteeringChoice, StickyOptions } from './options.ts'
import { readPorts, type PortSettings } from './ports.ts'
import { readProxyProtocol, type ProxySettings } from './proxy.ts'
import { Reader, type Flagged } from './reader.ts'
import { isFolder, throughLink, workingDirectory } from './release-path.ts'
import { readReload, type ReloadSettings } from './reload.ts'
import { readRestart, type RestartSettings } from './restart.ts'
import { readSession } from './session.ts'
import { readShutdown, type ShutdownSettings } from './shutdown.ts'
import { readTicketRotation } from './tickets.ts'

export type { AffinitySettings } from '../affinity/address.ts'

/** The options after the check, with their defaults filled in. Times are in milliseconds. */
export interface Settings extends PortSettings {
  /** undefined: '::', or '0.0.0.0' on a machine without IPv6. */
  readonly host: string | undefined
  readonly backlog: number
  /** A server that listens on the port already. Only listen() of holdfast/compat has one. */
  readonly bound?: Server
  readonly workers: number
  /** Path of the workers' program; empty when node was started without a file. */
  readonly exec: string
  readonly args: readonly string[]
  /** Working directory of the workers, resolved at each start. */
  readonly cwd: string
  /** The variables for a worker; the id of a standby is negative. @throws TypeError */
  readonly env: (worker: number) => Readonly<Record<string, string>>
  readonly execArgv: readonly string[]
  readonly steering: SteeringChoice
  /** Only setupPrimary() can ask for 'random'; the option `balance` does not offer it. */
  readonly balance: Balance | 'random'
  readonly affinity: Readonly<AffinitySettings>
  /** undefined: off. */
  readonly proxyProtocol: Readonly<ProxySettings> | undefined
  /** Empty: off. */
  readonly session: readonly SessionRule[]
  readonly limits: Readonly<LimitsSettings>
  readonly restart: Readonly<RestartSettings>
  readonly health: Readonly<HealthSettings>
  readonly reload: Readonly<ReloadSettings>
  readonly standby: number
  /** undefined: off. */
  readonly admin: Readonly<AdminSettings> | undefined
  readonly shutdown: Readonly<ShutdownSettings>
  /** undefined: the workers' keys are their own. */
  readonly ticketRotation: number | undefined
  readonly logger: Logger
  readonly signal: AbortSignal | undefined
}

/**
 * Checks the options and fills in their defaults.
 *
 * @param options - the user's object, or the port alone
 * @param name - how error messages call the object
 * @param flagged - the options that the user gave as flags of a command
 * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION; the message says what was expected, what came, and
 *   what to write
 */
export function readSettings(
  options: StickyOptions | number | string | undefined,
  name = 'stickyListen options',
  flagged: Flagged = {},
): Settings {
  const read = new Reader(name, isPort(options) ? { port: options } : options, flagged)
  const settings: Settings = {
    ...readPorts(read),
    host: read.host('host'),
    backlog: read.integer('backlog', { min: 1, max: 65535, fallback: 4096 }),
    workers: read.integer('workers', {
      min: 0,
      max: MAX_WORKERS,
      text: true,
      env: 'WEB_CONCURRENCY',
      fallback: Math.min(MAX_WORKERS, availableParallelism()),
    }),
    ...readProgram(read),
    args: read.strings('args', process.argv.slice(2)),
    env: read.recordOf('env'),
    execArgv: read.strings('execArgv', withoutDebugger(process.execArgv)),
    steering: read.oneOf('steering', ['handoff', 'kernel', 'auto'], 'handoff'),
    balance: read.oneOf('balance', ['address', 'round-robin', 'least-connections'], 'address'),
    affinity: readAffinity(read),
    proxyProtocol: readProxyProtocol(read),
    session: readSession(read),
    limits: readLimits(read),
    restart: readRestart(read),
    health: readHealth(read),
    reload: readReload(read),
    standby: read.integer('standby', { min: 0, max: MAX_WORKERS, text: true, fallback: 0 }),
    admin: readAdmin(read),
    shutdown: readShutdown(read),
    ticketRotation: readTicketRotation(read),
    logger: readLogger(read),
    signal: read.instance('signal', AbortSignal, 'an AbortSignal'),
  }
  read.done()
  checkTogether(read, settings)
  return Object.freeze(settings)
}

function isPort(options: unknown): options is number | string {
  return typeof options === 'number' || typeof options === 'string'
}

/**
 * The deadline of one call of close().
 *
 * @param options - the argument of close()
 * @returns milliseconds
 * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION
 */
export function closeDeadline(options: unknown, { shutdown }: Pick<Settings, 'shutdown'>): number {
  const read = new Reader('close options', options)
  const deadline = read.milliseconds('deadline', shutdown.deadline)
  read.done()
  return deadline
}

/** Options that are right one by one and wrong together. */
function checkTogether(read: Reader, { admin, balance, limits, ports }: Settings): void {
  const { port = 0 } = admin ?? {}
  if (port !== 0 && ports.includes(port)) {
    const free = [ADMIN_PORT, ADMIN_PORT + 1, ...ports.map((taken) => taken + 1)].find((each) => !ports.includes(each))
    throw read.wrong('admin', RangeError, 'another port than the clients have', String(free), port)
  }
  if (limits.loadFactor !== undefined && balance !== 'address') {
    const expected = "'address', which limits.loadFactor bounds"
    throw read.wrong('balance', RangeError, expected, "'address', or leave limits.loadFactor out", balance)
  }
}

function readCwd(read: Reader): string {
  const given = read.string('cwd')
  if (given === undefined) return workingDirectory()
  const path = resolve(workingDirectory(), given)
  if (!isWorker() && !isFolder(path))
    throw read.wrong('cwd', RangeError, 'the path of a folder', "'/srv/app/current'", given)
  return path
}

function readProgram(read: Reader): Pick<Settings, 'cwd' | 'exec'> {
  const cwd = readCwd(read)
  return { cwd, exec: readExec(read, cwd) }
}

/** A worker starts nothing, and a relative path means something else in its working directory. */
function isWorker(): boolean {
  return process.env['HOLDFAST_WORKER'] !== undefined
}

function readExec(read: Reader, cwd: string): string {
  const given = read.string('exec')
  if (given === undefined) return throughLink(process.argv[1] ?? '', [cwd])
  const path = resolve(cwd, given)
  if (!isWorker() && !statSync(path, { throwIfNoEntry: false })?.isFile()) {
    throw read.wrong('exec', RangeError, 'the path of a program file', "new URL('./worker.js', import.meta.url)", given)
  }
  return path
}

/**
 * Checks that there is a program for the workers, before anything starts.
 *
 * @throws StickyError HOLDFAST_NO_ENTRY
 */
export function checkEntry({ exec }: Settings): void {
  if (exec === '') {
    throw new StickyError('HOLDFAST_NO_ENTRY', "node was started without a file; pass `exec: './app.js'`")
  }
}

function readLogger(read: Reader): Logger {
  const value = read.raw('logger')
  if (value === undefined) return consoleLogger
  if (value === false) return silentLogger
  const levels = ['debug', 'info', 'warn', 'error'] as const
  const isLogger = (it: unknown): it is Logger =>
    typeof it === 'object' && it !== null && levels.every((level) => typeof Reflect.get(it, level) === 'function')
  if (isLogger(value)) return safeLogger(value)
  throw read.wrong('logger', TypeError, 'false or an object with debug, info, warn and error functions', 'false', value)
}
