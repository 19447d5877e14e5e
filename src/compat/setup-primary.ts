// What @socket.io/sticky (2.x) has for the primary: the application's own server listens, and workers of its own cluster
// get the connections.
import cluster from 'node:cluster'
import { Server } from 'node:net'
import { misuse, Reader, show } from '../options/reader.ts'
import type { LimitsOptions, Logger } from '../options/options.ts'
import { readSettings, type Settings } from '../options/settings.ts'
import { ClusterPrimary } from './cluster-primary.ts'

/** Options of {@link setupPrimary}. */
export interface SetupOptions {
  /** Who gets a new connection. Requests of a session find its worker from any of them. @default 'least-connection' */
  loadBalancingMethod?: 'random' | 'round-robin' | 'least-connection'
  /** Bounds on what waits and what is served, as stickyListen has them; without `loadFactor`. */
  limits?: Omit<LimitsOptions, 'loadFactor' | 'stickTimeout'>
  /** Where log lines go; `false` for nowhere. @default one line per event on stderr */
  logger?: Logger | false
}

/**
 * `setupPrimary` of the package \@socket.io/sticky: from when `httpServer` listens on, workers of node:cluster that called
 * {@link setupWorker} get its connections. Nothing is read from them here.
 *
 * To be called once, in the primary. When workers are forked is the application's business, before or after.
 *
 * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION when the call is wrong
 * @example
 * const httpServer = http.createServer()
 * setupPrimary(httpServer, { loadBalancingMethod: 'round-robin' })
 * httpServer.listen(3000)
 */
export function setupPrimary(httpServer: Server, options?: SetupOptions): void {
  if (!cluster.isPrimary) {
    const write = 'if (cluster.isPrimary) setupPrimary(httpServer); else setupWorker(io)'
    throw misuse(TypeError, `setupPrimary: expected to be called in the primary, this is a worker; write ${write}`)
  }
  if (!(httpServer instanceof Server)) {
    const expected = 'the server that listens'
    throw misuse(TypeError, `setupPrimary: expected ${expected}, got ${show(httpServer)}; write http.createServer()`)
  }
  const settings = read(options)
  if (isSetUp) throw misuse(TypeError, 'setupPrimary: called before; a second port needs a program of its own')
  isSetUp = true
  new ClusterPrimary(httpServer, settings).open()
}

let isSetUp = false

const METHODS = {
  random: 'random',
  'round-robin': 'round-robin',
  'least-connection': 'least-connections',
} as const satisfies Record<string, Settings['balance']>

function read(options: SetupOptions | undefined): Settings {
  const group = new Reader('setupPrimary options', options)
  const methods = Object.keys(METHODS) as (keyof typeof METHODS)[]
  const balance = METHODS[group.oneOf('loadBalancingMethod', methods, 'least-connection')]
  const limits = group.raw('limits') as LimitsOptions
  const logger = group.raw('logger') as Logger
  group.done()
  // Port and workers are the application's; not looked up in the environment.
  return { ...readSettings({ port: 0, workers: 1, limits, logger }, 'setupPrimary options'), balance }
}
