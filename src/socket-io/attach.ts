// Socket.IO across workers: chooses one of the official adapters and attaches it.
import type { Namespace, Server } from 'socket.io'
import type { Drain } from '../ipc/messages.ts'
import { workerSetup } from '../ipc/role.ts'
import { processRuntime, type Runtime } from '../runtime.ts'
import { beforeClose, passErrorsToCallback } from './adapter-guards.ts'
import { readAttachOptions, type AdapterPlan, type AttachOptions } from './attach-options.ts'
import {
  bridgeStandalone,
  fixed,
  throughBridge,
  throughPrimary,
  throughRedis,
  type AdapterSetup,
  type Backplane,
} from './backplane.ts'
import { nameProcessInIds } from './engine-ids.ts'
import { strictlyPlain } from './plain.ts'

/**
 * Lets a Socket.IO server reach the clients of all workers: rooms, broadcasts, acknowledgements, `fetchSockets()`.
 *
 * Call it once per Socket.IO server, before connections arrive. In the primary it does nothing, so the same file runs
 * in both roles.
 *
 * @returns the state of the connection to the other workers
 * @throws StickyError HOLDFAST_MISSING_PACKAGE when the adapter's package is not installed
 * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION
 * @example
 * const io = new Server(server)
 * attachSocketIO(io)
 * stickyListen(server, 3000)
 */
export function attachSocketIO(io: Server, options?: AttachOptions): Backplane {
  const plan = readAttachOptions(options)
  const setup = workerSetup()
  const runtime = processRuntime
  if (setup === undefined) return attachOutsideWorker(io, plan, runtime)
  runtime.addSessionRule('socket.io')
  const engines = eachEngine(io, (engine) => {
    nameProcessInIds(engine, runtime)
    runtime.addSessionCount(() => engine.clientsCount)
  })
  runtime.once('drain', (drain) => closeClients(engines, drain))
  const backplane = attachAdapter(io, setUp(plan, runtime), runtime)
  // All workers choose the same, so one log line is enough. It is written in the next turn, because stickyListen may
  // set the application's logger in this one.
  if (setup.id === 0) setImmediate(() => logChoice(io, backplane, runtime))
  return backplane
}

function setUp(plan: AdapterPlan, runtime: Runtime): AdapterSetup {
  if (plan.adapter === 'ipc') return throughPrimary(plan.reason, runtime)
  return plan.adapter === 'bridge' ? throughBridge(plan, runtime) : throughRedis(plan, runtime)
}

function attachAdapter(io: Server, { adapter, backplane }: AdapterSetup, runtime: Runtime): Backplane {
  const hasTimers = backplane.adapter === 'ipc' || backplane.adapter === 'bridge'
  // Socket.IO calls this with `new`, so it cannot be an arrow function.
  function create(namespace: unknown) {
    const created = adapter(namespace) as Namespace['adapter']
    passErrorsToCallback(created)
    // The cluster adapter's timers would keep this process alive until its deadline.
    if (hasTimers) closeAtLeave(created, runtime)
    return created
  }
  io.adapter(create as unknown as Parameters<Server['adapter']>[0])
  return backplane
}

function closeAtLeave(adapter: Namespace['adapter'], runtime: Runtime): void {
  const close = (): void => void adapter.close()
  runtime.once('leave', close)
  beforeClose(adapter, () => runtime.off('leave', close))
}

function logChoice(io: Server, { kind, adapter, reason }: Backplane, { logger }: Pick<Runtime, 'logger'>): void {
  logger.info('backplane.chosen', { kind, reason, adapter: adapter === kind ? undefined : adapter })
  if (adapter === 'redis-streams' || !Reflect.get(Reflect.get(io, 'opts') as object, 'connectionStateRecovery')) return
  const hint = "connectionStateRecovery does nothing with this adapter; write adapter: 'redis-streams'"
  logger.warn('backplane.no-recovery', { adapter, hint })
}

/** Acts on all namespaces, those that are created later included. */
function eachNamespace(io: Server, act: (namespace: Namespace) => void): void {
  for (const namespace of io._nsps.values()) act(namespace)
  io.on('new_namespace', act)
}

/**
 * Acts on all engines, those that the application attaches later included: one per HTTP server that it attaches `io` to.
 *
 * @returns the engines, with the later ones
 */
function eachEngine(io: Server, act: (engine: Server['engine']) => void = () => {}): ReadonlySet<Server['engine']> {
  const engines = new Set<Server['engine']>()
  const add = (engine: Server['engine']): void => {
    if (engines.has(engine)) return
    engines.add(engine)
    act(engine)
  }
  // Absent until the application attaches `io` to a server.
  const engine = io.engine as typeof io.engine | undefined
  if (engine !== undefined) add(engine)
  const bind = io.bind.bind(io)
  io.bind = (late) => {
    add(late as Server['engine'])
    return bind(late)
  }
  return engines
}

/**
 * Attaches in a primary, where nothing is needed; or in a standalone process, which needs Redis to reach other hosts.
 */
function attachOutsideWorker(io: Server, plan: AdapterPlan, runtime: Runtime): Backplane {
  let current = fixed('none', 'this process is not a worker')
  const attach = (): void => {
    const engines = eachEngine(io)
    runtime.once('drain', (drain) => closeClients(engines, drain))
    current = plan.adapter === 'ipc' ? attachNoAdapter(io) : attachAdapter(io, setUpStandalone(plan, runtime), runtime)
    logChoice(io, current, runtime)
  }
  // A program may call stickyListen after attachSocketIO; a target function runs after stickyListen.
  if (runtime.isStandalone) attach()
  else runtime.once('standalone', attach)
  return {
    get kind() {
      return current.kind
    },
    get adapter() {
      return current.adapter
    },
    get reason() {
      return current.reason
    },
    get connected() {
      return current.connected
    },
    get lost() {
      return current.lost
    },
    close: () => current.close(),
  }
}

function setUpStandalone(plan: Exclude<AdapterPlan, { adapter: 'ipc' }>, runtime: Runtime): AdapterSetup {
  return plan.adapter === 'bridge' ? bridgeStandalone(plan, runtime) : throughRedis(plan, runtime)
}

/**
 * Socket.IO's own adapter reaches all clients of a single process; it only lacks an answer to questions to other
 * servers.
 */
function attachNoAdapter(io: Server): Backplane {
  eachNamespace(io, ({ adapter }) => {
    adapter.serverSideEmit = (packet: unknown[]) => {
      strictlyPlain(packet)
      const callback = packet.at(-1)
      if (typeof callback === 'function') callback(null, [])
    }
  })
  return fixed('none', 'there is only this process')
}

/**
 * Closes the clients' engines, from which a client reconnects by itself; after a disconnect by the server it would not.
 * Each client gets a moment of its own, so that not all reconnect at once. A polling client learns of the close by the
 * answer to its next request, so its session must not be gone before.
 */
function closeClients(engines: ReadonlySet<Server['engine']>, { grace, spread }: Drain): void {
  for (const engine of engines) {
    const clients = Object.values(Reflect.get(engine, 'clients') as Record<string, { close(): void }>)
    for (const client of clients) setTimeout(() => client.close(), grace + Math.random() * spread).unref()
    setTimeout(() => engine.close(), grace + spread).unref()
  }
}
