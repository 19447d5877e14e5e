// The option `admin`, checked.
import type { Reader } from './reader.ts'

export interface AdminSettings {
  readonly port: number
  readonly host: string
  /** Besides addresses and localhost, in lower case. */
  readonly names: readonly string[]
}

/** Where OpenTelemetry's exporters for Prometheus listen, too. */
export const ADMIN_PORT = 9464

/** @returns undefined where it is off */
export function readAdmin(read: Reader): AdminSettings | undefined {
  const given = read.raw('admin')
  if (given === undefined || given === false) return undefined
  const here = { host: '127.0.0.1', names: [] }
  if (given === true) return { port: ADMIN_PORT, ...here }
  if (typeof given === 'number') {
    return { port: read.integer('admin', { min: 0, max: 65535, fallback: ADMIN_PORT }), ...here }
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw read.wrong('admin', TypeError, 'true, a port, or { port, host, names }', `{ port: ${ADMIN_PORT} }`, given)
  }
  return read.group('admin', (group) => ({
    port: group.integer('port', { min: 0, max: 65535, fallback: ADMIN_PORT }),
    host: group.host('host') ?? here.host,
    names: group.strings('names', here.names).map((name) => name.toLowerCase()),
  }))
}
