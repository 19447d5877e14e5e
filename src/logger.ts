// The default loggers. A log line is an event with fields; there is one per change of state and none per connection.
import type { LogFunction, Logger } from './options.ts'

/** One line per event on stderr: `[holdfast] worker.ready worker=0 pid=4242`. HOLDFAST_LOG=debug shows debug lines. */
export const consoleLogger: Logger = {
  debug: process.env['HOLDFAST_LOG'] === 'debug' ? line('debug ') : () => {},
  info: line(''),
  warn: line('warning '),
  error: line('error '),
}

/** Says nothing. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} }

function line(level: string): LogFunction {
  return (event, fields) => {
    const pairs = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)
    const text = pairs.map(([name, value]) => ` ${name}=${format(value)}`).join('')
    process.stderr.write(`[holdfast] ${level}${event}${text}\n`)
  }
}

function format(value: unknown): string {
  const text = value instanceof Error ? value.message : typeof value === 'string' ? value : JSON.stringify(value)
  return /[\s"=]/.test(text) && !text.startsWith('{') && !text.startsWith('[') ? JSON.stringify(text) : text
}
