// The function `listen` of the package sticky-session (1.x).
import cluster, { type ClusterSettings } from 'node:cluster'
import { Server } from 'node:net'
import { availableParallelism } from 'node:os'
import { Balancer } from '../primary/balancer.ts'
import { misuse, numberOf, show } from '../options/reader.ts'
import { readSettings, type Settings } from '../options/settings.ts'
import { MAX_WORKERS } from '../slots/slot-table.ts'
import { listenAtOnce } from '../steering/listener.ts'
import { startSticky } from '../sticky-listen.ts'
import type { Sticky } from '../sticky.ts'
import { clusterForking } from './cluster-forking.ts'

/** Options of {@link listen}. */
export interface ListenOptions {
  /** Number of worker processes, 1 to 256; also as text. @default os.availableParallelism() */
  workers?: number | string | undefined
  /** Environment variables of the workers, in addition to those of this process. @default {} */
  env?: Readonly<Record<string, string | number | boolean | undefined>> | undefined
}

/**
 * Replaces `listen` of the package sticky-session. Every client address has its own worker.
 *
 * The workers are workers of node:cluster. In the primary, `server` emits 'listening' when the port is bound.
 *
 * @param server - the server of the application; it must not listen itself
 * @param port - TCP port, 0 to 65535; also as text
 * @returns true in a worker, false in the primary, which listens by then
 * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION when an argument is invalid
 * @throws StickyError HOLDFAST_SECOND_LISTENER or HOLDFAST_IN_NODE_CLUSTER
 * @example
 * if (!listen(server, 3000)) server.once('listening', () => console.log('ready'))
 */
export function listen(server: Server, port: number | string, options: ListenOptions = {}): boolean {
  if (!(server instanceof Server)) {
    throw misuse(TypeError, `listen: expected a server, got ${show(server)}; write http.createServer(app)`)
  }
  const sticky = start(server, bindAtOnce(read(port, options)))
  if (sticky.role === 'primary') {
    sticky.once('listening', () => server.emit('listening'))
    return false
  }
  // Without this flag node:cluster ends the worker as soon as the primary is gone. The worker has to finish its
  // connections first.
  if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true
  return true
}

function start(server: Server, settings: Settings): Sticky {
  try {
    return startSticky(server, settings, { forking: clusterForking, Balancer })
  } catch (error) {
    settings.bound?.close()
    throw error
  }
}

/** sticky-session listens when it returns: a program may connect to itself at once. */
function bindAtOnce(settings: Settings): Settings {
  // A service manager may have passed the socket.
  if (!cluster.isPrimary || process.env['LISTEN_FDS'] !== undefined) return settings
  const bound = listenAtOnce(settings)
  return bound === undefined ? settings : { ...settings, bound }
}

function read(port: unknown, options: ListenOptions): Settings {
  const { workers, env, ...others } = options
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) {
    const write = "stickyListen(server, { port, … }) of 'holdfast', which has more"
    throw misuse(TypeError, `listen options: unknown option '${unknown}'; known are workers and env; write ${write}`)
  }
  // The application may have set another program and folder for the workers with cluster.setupPrimary().
  const { exec, args, cwd }: ClusterSettings = cluster.isPrimary ? cluster.settings : {}
  return readSettings(
    {
      port: portOf(port),
      // sticky-session takes 0 for the default. In stickyListen 0 is another mode, without a primary.
      workers: Number(workers ?? 0) === 0 ? Math.min(MAX_WORKERS, availableParallelism()) : workers,
      ...(env === undefined ? {} : { env: toTexts(env) }),
      ...(exec === undefined ? {} : { exec }),
      ...(args === undefined ? {} : { args }),
      ...(cwd === undefined ? {} : { cwd }),
    },
    'listen options',
  )
}

/** Reads a port that may be text, as from an environment variable. */
function portOf(port: unknown): number {
  if (typeof port === 'number') return port
  const number = typeof port === 'string' ? numberOf(port) : undefined
  if (number !== undefined) return number
  throw misuse(TypeError, `listen: expected a TCP port, got ${show(port)}; write listen(server, 3000)`)
}

function toTexts(env: NonNullable<ListenOptions['env']>): Record<string, string> {
  // readSettings() refuses a value that is not an object.
  if (typeof env !== 'object') return env
  const given = Object.entries(env).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given.map(([name, value]) => [name, String(value)]))
}
