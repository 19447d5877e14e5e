// The default loggers. A log line is an event with fields; there is one per change of state and none per connection.
import { inspect } from 'node:util'

/** Receives one event with its fields; the names are listed in docs/internals.md. */
export type LogFunction = (event: string, fields: Readonly<Record<string, unknown>>) => void

/** Where log lines go. pino, winston and console fit through a small function per level. */
export interface Logger {
  debug: LogFunction
  info: LogFunction
  warn: LogFunction
  error: LogFunction
}

/** One line per event on stderr: `[holdfast] worker.ready worker=0 pid=4242`. HOLDFAST_LOG=debug shows debug lines. */
export const consoleLogger: Logger = {
  debug: process.env['HOLDFAST_LOG'] === 'debug' ? line('debug ') : () => {},
  info: line(''),
  warn: line('warning '),
  error: line('error '),
}

let survives = false

/** A log pipe that was closed (`| head`), or that the primary took with it, must not end the service. */
export function surviveClosedStderr(): void {
  if (survives) return
  survives = true
  process.stderr.on('error', () => {})
}

/** Says nothing. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }

/** The application's logger. When it fails, the event goes to stderr: a log line must not end what it tells of. */
export function safeLogger(logger: Logger): Logger {
  const safe = (level: keyof Logger): LogFunction => {
    const attempt = async (...event: Parameters<LogFunction>): Promise<void> => {
      try {
        // One that sends lines away may return a promise, whatever its type says.
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

/** A text can neither look like another field nor end the line. */
function quote(text: string): string {
  return text === '' || /[\s"=\p{Cc}]/u.test(text) ? JSON.stringify(text) : text
}

function literal(value: unknown): string {
  try {
    const json: string | undefined = JSON.stringify(value)
    if (json !== undefined) return json
  } catch {
    // It refers to itself or holds a bigint; a log line must not throw.
  }
  return quote(inspect(value, { depth: 1, breakLength: Infinity, compact: true }))
}
