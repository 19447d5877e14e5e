// Reads the option `port`: one TCP port, or several.
import type { Reader } from './reader.ts'

const MAX_PORT = 65535

export interface PortSettings {
  /** The first port. */
  readonly port: number
  /** All ports, the first one included. */
  readonly ports: readonly number[]
}

export function readPorts(read: Reader): PortSettings {
  const given = read.raw('port')
  if (!Array.isArray(given)) {
    const port = read.port('port', { env: 'PORT', fallback: 3000 })
    return { port, ports: Object.freeze([port]) }
  }
  const ports = given.map((port) => readPort(read, port))
  const [first] = ports
  if (first === undefined) throw read.wrong('port', RangeError, 'one port at least', '[3000, 3001]', given)
  const fixed = ports.filter((port) => port !== 0)
  if (new Set(fixed).size < fixed.length) {
    throw read.wrong('port', RangeError, 'each port once', '[3000, 3001]', given)
  }
  return { port: first, ports: Object.freeze(ports) }
}

function readPort(read: Reader, given: unknown): number {
  const expected = `integers from 0 to ${MAX_PORT}`
  // An application takes ports from environment variables, which are text.
  const port = typeof given === 'string' && /^\s*\d+\s*$/.test(given) ? Number(given) : given
  if (typeof port !== 'number') throw read.wrong('port', TypeError, expected, '[3000, 3001]', port)
  if (Number.isInteger(port) && port >= 0 && port <= MAX_PORT) return port
  throw read.wrong('port', RangeError, expected, '[3000, 3001]', port)
}
