// setupPrimary of @socket.io/sticky (2.x): the application's own server listens, and the workers of its own cluster get
// the connections.
import cluster from 'node:cluster'
import { Server } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import { misuse, Reader, show } from '../options/reader.ts'
import type { LimitsOptions, Logger } from '../options/options.ts'
import { readSettings, type Settings } from '../options/settings.ts'
import { ClusterPrimary } from './cluster-primary.ts'

/** Options of {@link setupPrimary}. */
export interface SetupOptions {
  /**
   * Which worker gets a new connection. Requests of a session reach its worker from every other one.
   * @default 'least-connection'
   */
  loadBalancingMethod?: 'random' | 'round-robin' | 'least-connection'
  /** Limits on waiting and open connections, as stickyListen has them, without `loadFactor` and `stickTimeout`. */
  limits?: Omit<LimitsOptions, 'loadFactor' | 'stickTimeout'>
  /** Gets the log lines; `false`: there are none. @default one line per event on stderr */
  logger?: Logger | false
}

/**
 * `setupPrimary` of the package \@socket.io/sticky: the connections of `httpServer` go to the workers of node:cluster that
 * have called {@link setupWorker}. The primary reads nothing from them.
 *
 * To be called in the primary, once for each server that listens: the connections of all of them go to the same workers. The
 * application forks its workers, before or after this call.
 *
 * @param httpServer - the server on which the application calls `listen()`
 * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION where the call or an option is wrong
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
  const settings = readSetupOptions(options)
  if (primary === undefined) {
    primary = new ClusterPrimary(settings)
    primary.open()
  } else if (options !== undefined && differs(options, settings, primary.settings)) {
    const write = 'setupPrimary(httpServer) without options, or the same ones'
    throw misuse(TypeError, `setupPrimary: the options of the first call hold for all servers; write ${write}`)
  }
  primary.add(httpServer)
}

/** One for all servers: their connections go to the same workers. */
let primary: ClusterPrimary | undefined

/** Whether an option that is given differs from the one of the first call. */
function differs({ loadBalancingMethod, limits }: SetupOptions, given: Settings, first: Settings): boolean {
  if (loadBalancingMethod !== undefined && given.balance !== first.balance) return true
  return limits !== undefined && !isDeepStrictEqual(given.limits, first.limits)
}

const METHODS = {
  random: 'random',
  'round-robin': 'round-robin',
  'least-connection': 'least-connections',
} as const satisfies Record<string, Settings['balance']>

function readSetupOptions(options: SetupOptions | undefined): Settings {
  const group = new Reader('setupPrimary options', options)
  const methods = Object.keys(METHODS) as (keyof typeof METHODS)[]
  const balance = METHODS[group.oneOf('loadBalancingMethod', methods, 'least-connection')]
  const limits = group.raw('limits') as LimitsOptions
  const logger = group.raw('logger') as Logger
  group.done()
  // The application decides about port and workers. Any values do, so that none are read from the environment.
  return { ...readSettings({ port: 0, workers: 1, limits, logger }, 'setupPrimary options'), balance }
}
