// Options -> frozen Settings, checked once. Every complaint says what was expected, what came and what to write.
import { statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { ADMIN_PORT, readAdmin, type AdminSettings } from './admin.ts'
import { withoutDebugger } from './debugger-flags.ts'
import { StickyError } from '../errors.ts'
import { consoleLogger, safeLogger, silentLogger } from '../logger.ts'
import { MAX_TIMER, Reader } from './reader.ts'
import type { Balance, Logger, SessionRule, SteeringChoice, StickyOptions } from './options.ts'
import { readProxyProtocol, type ProxySettings } from './proxy.ts'
import { readSession } from './session.ts'
import { fingerprint32 } from '../slots/hash.ts'
import { MAX_WORKERS } from '../slots/slot-table.ts'

/** How an address becomes a key; see AffinityOptions. */
export interface AffinitySettings {
  readonly ipv4Prefix: number
  readonly ipv6Prefix: number
  /** uint32, 0 for none. */
  readonly seed: number
}

/** The options after checking, with the defaults filled in. Durations in milliseconds. */
export interface Settings {
  readonly port: number
  /** undefined: '::', or '0.0.0.0' where IPv6 is off. */
  readonly host: string | undefined
  readonly backlog: number
  readonly workers: number
  readonly exec: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly execArgv: readonly string[]
  readonly steering: SteeringChoice
  /** 'random' is not among the options: it is what another package has. */
  readonly balance: Balance | 'random'
  readonly affinity: AffinitySettings
  readonly proxyProtocol: ProxySettings | undefined
  readonly session: readonly SessionRule[]
  readonly limits: Readonly<{
    maxConnections: number
    maxPerAddress: number
    maxPending: number
    holdTimeout: number
    loadFactor: number | undefined
    stickTimeout: number
  }>
  readonly restart: Readonly<{
    minDelay: number
    maxDelay: number
    stableAfter: number
    maxStartCrashes: number
    maxCrashesPerMinute: number
    retryDelay: number
    onGiveUp: 'exit' | 'keep'
    maxAge: number
    maxServed: number
  }>
  readonly health: Readonly<{
    readyTimeout: number
    ackTimeout: number
    interval: number
    unhealthyAfter: number
    maxLag: number
    deadline: number
    maxRss: number
    maxHeap: number
    growthWindow: number
  }>
  readonly reload: Readonly<{
    parallel: number
    deadline: number
    grace: number
    spread: number
    signals: readonly NodeJS.Signals[]
  }>
  readonly standby: number
  readonly admin: AdminSettings | undefined
  readonly shutdown: Readonly<{ deadline: number; signals: readonly NodeJS.Signals[] }>
  readonly logger: Logger
  readonly signal: AbortSignal | undefined
}

/**
 * @param options - as given: an object, or just the port
 * @param name - what messages call it
 * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION
 */
export function readSettings(options: StickyOptions | number | undefined, name = 'stickyListen options'): Settings {
  const read = new Reader(name, typeof options === 'number' ? { port: options } : options)
  const settings: Settings = {
    port: read.integer('port', { min: 0, max: 65535, env: 'PORT', fallback: 3000 }),
    host: read.host('host'),
    backlog: read.integer('backlog', { min: 1, max: 65535, fallback: 4096 }),
    workers: read.integer('workers', {
      min: 0,
      max: MAX_WORKERS,
      env: 'WEB_CONCURRENCY',
      fallback: Math.min(MAX_WORKERS, availableParallelism()),
    }),
    exec: readExec(read),
    args: read.strings('args', process.argv.slice(2)),
    env: read.record('env'),
    execArgv: read.strings('execArgv', withoutDebugger(process.execArgv)),
    steering: read.oneOf('steering', ['handoff', 'kernel', 'auto'], 'handoff'),
    balance: read.oneOf('balance', ['address', 'round-robin', 'least-connections'], 'address'),
    affinity: read.group('affinity', (group) => ({
      ipv4Prefix: group.integer('ipv4Prefix', { min: 1, max: 32, fallback: 32 }),
      ipv6Prefix: group.integer('ipv6Prefix', { min: 1, max: 128, fallback: 64 }),
      seed: readSeed(group),
    })),
    proxyProtocol: readProxyProtocol(read),
    session: readSession(read),
    limits: read.group('limits', (group) => ({
      maxConnections: group.integer('maxConnections', { min: 1, max: 10_000_000, fallback: Infinity }),
      maxPerAddress: group.integer('maxPerAddress', { min: 1, max: 10_000_000, fallback: Infinity }),
      maxPending: group.integer('maxPending', { min: 1, max: 1_000_000, fallback: 4096 }),
      holdTimeout: group.milliseconds('holdTimeout', 5_000),
      loadFactor: readLoadFactor(group),
      stickTimeout: group.milliseconds('stickTimeout', 600_000),
    })),
    restart: read.group('restart', readRestart),
    health: read.group('health', readHealth),
    reload: read.group('reload', (group) => ({
      parallel: group.integer('parallel', { min: 1, max: MAX_WORKERS, fallback: 1 }),
      deadline: group.milliseconds('deadline', 30_000),
      grace: group.milliseconds('grace', 1_000),
      spread: group.milliseconds('spread', 5_000),
      signals: group.signals('signals', ['SIGHUP', 'SIGUSR2']),
    })),
    standby: read.integer('standby', { min: 0, max: MAX_WORKERS, fallback: 0 }),
    admin: readAdmin(read),
    shutdown: read.group('shutdown', (group) => ({
      deadline: group.milliseconds('deadline', 10_000),
      signals: group.signals('signals', ['SIGTERM', 'SIGINT']),
    })),
    logger: readLogger(read),
    signal: read.instance('signal', AbortSignal, 'an AbortSignal'),
  }
  read.done()
  const { admin, balance, limits, port } = settings
  if (admin !== undefined && admin.port === port && port !== 0) {
    throw read.wrong(
      'admin',
      RangeError,
      'another port than the clients have',
      String(port === ADMIN_PORT ? port + 1 : ADMIN_PORT),
      port,
    )
  }
  if (limits.loadFactor !== undefined && balance !== 'address') {
    const expected = "'address', which limits.loadFactor bounds"
    throw read.wrong('balance', RangeError, expected, "'address', or leave limits.loadFactor out", balance)
  }
  return Object.freeze(settings)
}

/**
 * @param given - what close() was called with
 * @returns milliseconds
 * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION
 */
export function closeDeadline(given: unknown, { shutdown }: Pick<Settings, 'shutdown'>): number {
  const read = new Reader('close options', given)
  const deadline = read.milliseconds('deadline', shutdown.deadline)
  read.done()
  return deadline
}

const MAX_COUNT = Number.MAX_SAFE_INTEGER

function readRestart(group: Reader): Settings['restart'] {
  const minDelay = group.milliseconds('minDelay', 100)
  return {
    minDelay,
    maxDelay: group.integer('maxDelay', { min: minDelay, max: MAX_TIMER, fallback: Math.max(30_000, minDelay) }),
    stableAfter: group.milliseconds('stableAfter', 10_000),
    maxStartCrashes: group.integer('maxStartCrashes', { min: 1, max: 32, fallback: 5 }),
    maxCrashesPerMinute: group.integer('maxCrashesPerMinute', { min: 1, max: 1_000, fallback: 10 }),
    retryDelay: group.milliseconds('retryDelay', 30_000),
    onGiveUp: group.oneOf('onGiveUp', ['exit', 'keep'], 'exit'),
    maxAge: group.milliseconds('maxAge', Infinity),
    maxServed: group.integer('maxServed', { min: 1, max: MAX_COUNT, fallback: Infinity }),
  }
}

function readHealth(group: Reader): Settings['health'] {
  const deadline = group.integer('deadline', { min: 2, max: MAX_TIMER, fallback: 30_000 })
  const interval = group.milliseconds('interval', Math.max(1, Math.min(1_000, Math.floor(deadline / 3))))
  if (interval < 1 || interval * 2 > deadline) {
    throw group.wrong(
      'interval',
      RangeError,
      'from 1 to half of health.deadline',
      String(Math.floor(deadline / 3)),
      interval,
    )
  }
  return {
    readyTimeout: group.milliseconds('readyTimeout', 30_000),
    ackTimeout: group.milliseconds('ackTimeout', 1_000),
    interval,
    unhealthyAfter: group.integer('unhealthyAfter', { min: 1, max: 1_000, fallback: 10 }),
    maxLag: group.milliseconds('maxLag', 1_000),
    deadline,
    maxRss: group.integer('maxRss', { min: 1, max: MAX_COUNT, fallback: Infinity }),
    maxHeap: group.integer('maxHeap', { min: 1, max: MAX_COUNT, fallback: Infinity }),
    growthWindow: group.milliseconds('growthWindow', 0),
  }
}

function readExec(read: Reader): string {
  const given = read.string('exec')
  if (given === undefined) return process.argv[1] ?? ''
  const path = resolve(given)
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
    throw read.wrong('exec', RangeError, 'the path of a program file', "new URL('./worker.js', import.meta.url)", given)
  }
  return path
}

/** The worker program must exist before anything is started. */
export function checkEntry({ exec }: Settings): void {
  if (exec === '')
    throw new StickyError('HOLDFAST_NO_ENTRY', "node was started without a file; pass `exec: './app.js'`")
}

function readLoadFactor(group: Reader): number | undefined {
  const value = group.raw('loadFactor')
  if (value === undefined || value === false) return undefined
  if (value === true) return 1.25
  if (typeof value === 'number' && value > 1 && value <= 1_000) return value
  throw group.wrong('loadFactor', RangeError, 'a number above 1, or true', '1.25', value)
}

function readSeed(read: Reader): number {
  const value = read.raw('seed')
  if (value === undefined) return 0
  if (typeof value === 'string' && value !== '') return fingerprint32(Buffer.from(value))
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff) return value
  throw read.wrong('seed', TypeError, 'an integer from 0 to 4294967295 or a text', "'any secret text'", value)
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
