// Reads the option `admin`.
import type { Reader } from './reader.ts'

export interface AdminSettings {
  port: number
  host: string
  /** Host names that requests may address it by, besides IP addresses and localhost; in lower case. */
  names: readonly string[]
}

/** The default port, which OpenTelemetry's exporters for Prometheus use too. */
export const ADMIN_PORT = 9464

/** @returns undefined when the admin interface is off */
export function readAdmin(read: Reader): Readonly<AdminSettings> | undefined {
  const given = read.raw('admin')
  if (given === undefined || given === false) return undefined
  const local = { host: '127.0.0.1', names: [] }
  if (given === true) return { port: ADMIN_PORT, ...local }
  if (typeof given === 'number' || typeof given === 'string') {
    return { port: read.port('admin', { fallback: ADMIN_PORT }), ...local }
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw read.wrong('admin', TypeError, 'true, a port, or { port, host, names }', `{ port: ${ADMIN_PORT} }`, given)
  }
  return read.group('admin', (group) => ({
    port: group.port('port', { fallback: ADMIN_PORT }),
    host: group.host('host') ?? local.host,
    names: group.strings('names', local.names).map((name) => name.toLowerCase()),
  }))
}
