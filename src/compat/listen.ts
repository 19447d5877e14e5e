// What sticky-session (1.x) has: one function, a server and a port, and false in the primary.
import cluster, { type ClusterSettings } from 'node:cluster'
import { Server } from 'node:net'
import { availableParallelism } from 'node:os'
import { misuse, show } from '../options/reader.ts'
import { readSettings, type Settings } from '../options/settings.ts'
import { MAX_WORKERS } from '../slots/slot-table.ts'
import { startSticky } from '../sticky-listen.ts'
import { clusterForking } from './cluster-forking.ts'

/** Options of {@link listen}. */
export interface ListenOptions {
  /** Number of worker processes. @default one per core */
  workers?: number | string | undefined
  /** Environment variables for the workers, on top of those of this process. */
  env?: Readonly<Record<string, string | number | boolean | undefined>> | undefined
}

/**
 * `listen` of the package sticky-session, over stickyListen: each client address has its worker.
 *
 * The workers are workers of node:cluster. In the primary `server` emits 'listening' when the port is bound.
 *
 * @returns whether this process is a worker
 * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION when the call is wrong
 * @throws StickyError HOLDFAST_SECOND_LISTENER, HOLDFAST_IN_NODE_CLUSTER
 * @example
 * if (!listen(server, 3000)) server.once('listening', () => console.log('ready'))
 */
export function listen(server: Server, port: number | string, options: ListenOptions = {}): boolean {
  if (!(server instanceof Server)) {
    throw misuse(TypeError, `listen: expected a server, got ${show(server)}; write http.createServer(app)`)
  }
  const sticky = startSticky(server, read(port, options), clusterForking)
  if (sticky.role === 'primary') {
    sticky.once('listening', () => server.emit('listening'))
    return false
  }
  // Otherwise node:cluster ends this process at once when the primary is gone. It has to finish what it serves.
  if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true
  return true
}

function read(port: unknown, options: ListenOptions): Settings {
  const { workers, env, ...others } = options
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) {
    const write = "stickyListen(server, { port, … }) of 'holdfast', which has more"
    throw misuse(TypeError, `listen options: unknown option '${unknown}'; known are workers and env; write ${write}`)
  }
  // Where the workers' program is another one, cluster.setupPrimary() was told so.
  const { exec, args }: ClusterSettings = cluster.isPrimary ? cluster.settings : {}
  return readSettings(
    {
      port: portOf(port),
      workers: workers ? Number(workers) : Math.min(MAX_WORKERS, availableParallelism()),
      ...(env === undefined ? {} : { env: texts(env) }),
      ...(exec === undefined ? {} : { exec }),
      ...(args === undefined ? {} : { args }),
    },
    'listen options',
  )
}

/** Also as text, as it comes from the environment. */
function portOf(port: unknown): number {
  if (typeof port === 'number') return port
  if (typeof port === 'string' && /^\d{1,5}$/.test(port)) return Number(port)
  throw misuse(TypeError, `listen: expected a TCP port, got ${show(port)}; write listen(server, 3000)`)
}

function texts(env: NonNullable<ListenOptions['env']>): Record<string, string> {
  // What is none at all is complained about where all options are read.
  if (typeof env !== 'object') return env
  const given = Object.entries(env).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]))
}
