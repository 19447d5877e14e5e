// stickyListen: the one call of an application. It decides which role this process has.
import type { Cluster } from 'node:cluster'
import { Server } from 'node:net'
import { Standalone } from './standalone/standalone.ts'
import { Primary, type PrimaryParts } from './primary/primary.ts'
import { StickyError } from './errors.ts'
import { misuse, show } from './options/reader.ts'
import type { StickyOptions } from './options/options.ts'
import type { TcpTarget } from './ipc/listen-target.ts'
import type { WorkerSetup } from './ipc/messages.ts'
import { workerSetup } from './ipc/role.ts'
import { checkSameBalancer, type CheckedOptions } from './options/same-balancer.ts'
import { readSettings, type Settings } from './options/settings.ts'
import { processRuntime } from './runtime.ts'
import type { Sticky } from './sticky.ts'
import { takeFirstClose } from './serving/first-close.ts'
import type { Target } from './serving/target.ts'
import { Worker } from './worker/worker.ts'
import { realWorld } from './world.ts'

/** The balancer of this process, or this process's part in it, and the options of the first call. */
interface Current extends CheckedOptions {
  sticky: Primary | Worker | Standalone
  /** Where the servers of all calls listen. */
  places: TcpTarget[]
}

let current: Current | undefined

/**
 * Puts a server behind the sticky balancer.
 *
 * The first process to call it becomes the primary: it binds the port, starts this same program once per worker and
 * passes every connection to the worker of its client's address. In a worker, the same call attaches `target`, which
 * then behaves as if it listened. Never call `server.listen()` yourself.
 *
 * @param target - an http, https, http2, tls or net server, or a function that returns one or a promise of one. The
 *   function is called in workers only, so the primary never builds the application.
 * @param options - options, or just the port; digits as text are a port too
 * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION where the target or an option is wrong
 * @returns the balancer, or this worker. A second call, for another server on another port, joins the same balancer and
 *   returns the same object.
 * @throws StickyError HOLDFAST_SECOND_LISTENER where this process has called it already for the same port;
 *   HOLDFAST_IN_NODE_CLUSTER in a worker of node:cluster
 * @example
 * stickyListen(http.createServer(app), 3000)
 */
export function stickyListen(target: Target, options?: StickyOptions | number | string): Sticky {
  if (typeof target !== 'function' && !(target instanceof Server)) {
    const expected = 'a server or a function that returns one'
    throw misuse(TypeError, `stickyListen: expected ${expected}, got ${show(target)}; write http.createServer(app)`)
  }
  if (isRequestHandler(target)) {
    const write = 'stickyListen(http.createServer(app), 3000)'
    throw misuse(TypeError, `stickyListen: expected a server, got a function that handles requests; write ${write}`)
  }
  const given = typeof options === 'object' ? options : {}
  const isFirst = current === undefined
  const sticky = startSticky(target, readSettings(options), { given })
  // The program's listeners of signals run in the primary too, and close its servers there.
  if (sticky.role === 'primary' && target instanceof Server) {
    takeFirstClose(target, async () => void (isFirst && (await sticky.close())))
  }
  return sticky
}

/** What differs between the faces of Holdfast. */
export interface StartOptions extends PrimaryParts {
  /** The options as the caller gave them. */
  given?: StickyOptions
}

/**
 * stickyListen with settings that are checked already.
 *
 * @throws StickyError HOLDFAST_SECOND_LISTENER, HOLDFAST_IN_NODE_CLUSTER
 * @throws RangeError with code HOLDFAST_BAD_OPTION where an option about the balancer is not that of the first call
 */
export function startSticky(target: Target, settings: Settings, { given = {}, ...more }: StartOptions = {}): Sticky {
  const places = placesOf(settings, current?.places ?? [])
  if (current !== undefined) return addTo(current, target, places, { given, settings })
  const setup = workerSetup()
  if (setup === undefined && isClusterWorker()) {
    const pm2 = process.env['pm_id'] !== undefined
    const instead = pm2 ? "under PM2 set exec_mode: 'fork' and instances: 1" : 'take cluster.fork() out'
    throw new StickyError('HOLDFAST_IN_NODE_CLUSTER', `${instead}; stickyListen starts the workers itself`)
  }
  const onClosed = (): void => void (current = undefined)
  if (setup !== undefined) {
    const worker = new Worker(setup, settings, processRuntime, realWorld)
    current = { sticky: worker, given, settings, places: [...places] }
    void worker.add(target, places, true)
    return worker
  }
  const sticky =
    settings.workers === 0
      ? new Standalone(target, settings, processRuntime, onClosed)
      : new Primary(settings, places, realWorld, onClosed, more)
  current = { sticky, given, settings, places: [...places] }
  return sticky
}

/** A worker whose program knows nothing of Holdfast: the command serves with the servers of the program. */
export function startProgram(setup: WorkerSetup, settings: Settings): Worker {
  const worker = new Worker(setup, settings, processRuntime, realWorld)
  // A call of stickyListen in the program joins this worker.
  current = { sticky: worker, given: {}, settings, places: [] }
  return worker
}

function addTo(to: Current, target: Target, places: readonly TcpTarget[], options: CheckedOptions): Sticky {
  const { sticky } = to
  const twice = places.find((place) => to.places.some((other) => isSamePort(place, other)))
  if (twice !== undefined) {
    const hint = `port ${twice.port}; choose another port, or close the first one before`
    throw new StickyError('HOLDFAST_SECOND_LISTENER', hint)
  }
  checkSameBalancer(to, options)
  to.places.push(...places)
  if (sticky instanceof Primary) sticky.add(places)
  else if (sticky instanceof Worker) void sticky.add(target, places)
  else void sticky.add(target, options.settings)
  return sticky
}

/** @param others - those of earlier calls: a further port 0 is another port */
function placesOf({ ports, host }: Settings, others: readonly TcpTarget[]): TcpTarget[] {
  const places: TcpTarget[] = []
  for (const port of ports) {
    const index = [...others, ...places].filter((place) => place.port === 0 && place.host === host).length
    places.push({ port, host, index: port === 0 ? index : 0 })
  }
  return places
}

function isSamePort(one: TcpTarget, other: TcpTarget): boolean {
  if (one.port === 0 || one.port !== other.port) return false
  return one.host === other.host || [one.host, other.host].some((host) => host === undefined || host === '::')
}

/** Without an import, which would load node:cluster into every worker. */
function isClusterWorker(): boolean {
  // The types say that this is a module with a default export, and it is the default export itself.
  return (process.getBuiltinModule('node:cluster') as unknown as Cluster).isWorker
}

/** An Express application and a plain request handler are functions too, but do not return a server. */
function isRequestHandler(target: unknown): boolean {
  return typeof target === 'function' && (target.length >= 2 || typeof Reflect.get(target, 'listen') === 'function')
}
