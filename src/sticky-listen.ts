// stickyListen: the one call of an application. It decides which role this process has.
import type { Cluster } from 'node:cluster'
import { Server } from 'node:net'
import { Standalone } from './standalone/standalone.ts'
import { Primary, type PrimaryParts } from './primary/primary.ts'
import { StickyError } from './errors.ts'
import { misuse, show } from './options/reader.ts'
import type { StickyOptions } from './options/options.ts'
import { workerSetup } from './ipc/role.ts'
import { readSettings, type Settings } from './options/settings.ts'
import { processRuntime } from './runtime.ts'
import type { Sticky } from './sticky.ts'
import { takeFirstClose } from './serving/first-close.ts'
import type { Target } from './serving/target.ts'
import { Worker } from './worker/worker.ts'
import { realWorld } from './world.ts'

let current: Sticky | undefined

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
 * @throws StickyError HOLDFAST_SECOND_LISTENER where this process has called it already; HOLDFAST_IN_NODE_CLUSTER in a
 *   worker of node:cluster
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
  const sticky = startSticky(target, readSettings(options))
  // The listeners of the program run in the primary too.
  if (sticky.role === 'primary' && target instanceof Server) takeFirstClose(target, () => sticky.close())
  return sticky
}

/**
 * stickyListen with settings that are checked already.
 *
 * @param parts - of the primary
 * @throws StickyError HOLDFAST_SECOND_LISTENER, HOLDFAST_IN_NODE_CLUSTER
 */
export function startSticky(target: Target, settings: Settings, parts?: PrimaryParts): Sticky {
  if (current !== undefined) {
    throw new StickyError('HOLDFAST_SECOND_LISTENER', 'close the first one before, or start another program')
  }
  const setup = workerSetup()
  if (setup === undefined && isClusterWorker()) {
    const pm2 = process.env['pm_id'] !== undefined
    const instead = pm2 ? "under PM2 set exec_mode: 'fork' and instances: 1" : 'take cluster.fork() out'
    throw new StickyError('HOLDFAST_IN_NODE_CLUSTER', `${instead}; stickyListen starts the workers itself`)
  }
  if (setup !== undefined) return (current = new Worker(target, setup, settings, processRuntime, realWorld))
  if (settings.workers === 0) {
    return (current = new Standalone(target, settings, processRuntime, () => (current = undefined)))
  }
  return (current = new Primary(settings, realWorld, () => (current = undefined), parts))
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
