// Loggers. A log line is an event with fields. There is one per change of state, and none per connection.
import { inspect } from 'node:util'

/**
 * Receives one log event.
 *
 * @param event - a name such as 'worker.exit'; docs/logs.md lists them all
 * @param fields - the details of the event, for example `{ worker: 0, pid: 4242, code: 1 }`
 */
export type LogFunction = (event: string, fields: Readonly<Record<string, unknown>>) => void

/**
 * Receives log events: one function per level. A function that throws does not stop anything; the event goes to stderr
 * instead.
 *
 * @example
 * const log = pino()
 * const logger = {
 *   debug: (event, fields) => log.debug(fields, event),
 *   info: (event, fields) => log.info(fields, event),
 *   warn: (event, fields) => log.warn(fields, event),
 *   error: (event, fields) => log.error(fields, event),
 * }
 */
export interface Logger {
  debug: LogFunction
  info: LogFunction
  warn: LogFunction
  error: LogFunction
}

/**
 * Writes one line per event to stderr: `[holdfast] worker.ready worker=0 pid=4242`. Debug lines need
 * HOLDFAST_LOG=debug.
 */
export const consoleLogger: Logger = {
  debug: process.env['HOLDFAST_LOG'] === 'debug' ? line('debug ') : () => {},
  info: line(''),
  warn: line('warning '),
  error: line('error '),
}

let isGuarded = false

/**
 * Ignores errors of stderr. A reader of the log that closes its pipe (`| head`), or a primary that ends with the pipe,
 * must not end this process.
 */
export function surviveClosedStderr(): void {
  if (isGuarded) return
  isGuarded = true
  process.stderr.on('error', () => {})
}

/** The same for stdout, in a worker: the primary may be the reader of both. */
export function surviveClosedOutput(): void {
  surviveClosedStderr()
  process.stdout.on('error', () => {})
}

/** Drops every event. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** Guards the application's logger. When it throws or rejects, the event goes to stderr, and nothing else happens. */
export function safeLogger(logger: Logger): Logger {
  const safe = (level: keyof Logger): LogFunction => {
    const attempt = async (...event: Parameters<LogFunction>): Promise<void> => {
      try {
        // Despite its type the function may be async.
        await (logger[level](...event) as unknown)
      } catch (error) {
        consoleLogger.error('logger.failed', { error })
        consoleLogger[level](...event)
      }
    }
    return (...event) => void attempt(...event)
  }
  return { debug: safe('debug'), info: safe('info'), warn: safe('warn'), error: safe('error') }
}

function line(level: string): LogFunction {
  return (event, fields) => {
    const pairs = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)
    const text = pairs.map(([name, value]) => ` ${name}=${format(value)}`).join('')
    process.stderr.write(`[holdfast] ${level}${event}${text}\n`)
  }
}

function format(value: unknown): string {
  if (value instanceof Error) return quote(value.message)
  return typeof value === 'string' ? quote(value) : literal(value)
}

/** Quotes a text that would look like another field or end the line. */
function quote(text: string): string {
  return text === '' || /[\s"=\p{Cc}]/u.test(text) ? JSON.stringify(text) : text
}

function literal(value: unknown): string {
  try {
    const json: string | undefined = JSON.stringify(value)
    if (json !== undefined) return json
  } catch {
    // The value refers to itself or contains a bigint. inspect() can show both.
  }
  return quote(inspect(value, { depth: 1, breakLength: Infinity, compact: true }))
}
