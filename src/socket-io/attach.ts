// Socket.IO across workers: picks the official adapter and attaches it.
import type { Namespace, Server } from 'socket.io'
import type { Drain } from '../ipc/messages.ts'
import { workerSetup } from '../ipc/role.ts'
import { processRuntime, type Runtime } from '../runtime.ts'
import { readAttachOptions, type AttachOptions, type AdapterPlan } from './attach-options.ts'
import {
  bridgeStandalone,
  fixed,
  throughBridge,
  throughPrimary,
  throughRedis,
  type Backplane,
  type AdapterSetup,
} from './backplane.ts'
import { beforeClose, passErrorsToCallback } from './adapter-guards.ts'

/**
 * Lets a Socket.IO server reach the clients of all workers: rooms, broadcasts, acknowledgements, `fetchSockets()`.
 *
 * Call it once per Socket.IO server, before connections come in. In the primary it does nothing, so the same file runs
 * in both roles.
 *
 * @throws StickyError HOLDFAST_MISSING_PACKAGE when the adapter's package is not installed
 * @throws TypeError with code HOLDFAST_BAD_OPTION
 * @example
 * const io = new Server(server)
 * attachSocketIO(io)
 * stickyListen(server, 3000)
 */
export function attachSocketIO(io: Server, options?: AttachOptions): Backplane {
  const plan = readAttachOptions(options)
  const setup = workerSetup()
  const runtime = processRuntime
  if (setup === undefined) return notAWorker(io, plan, runtime)
  keepSessions(io, runtime)
  // A client whose engine is closed comes back by itself; one that is told to disconnect does not.
  runtime.once('drain', (how) => closeClients(io, how))
  const backplane = take(io, setUp(plan, runtime), runtime)
  // Every worker decides the same; one line is enough. Next turn: stickyListen may bring a logger of the user's.
  if (setup.id === 0) setImmediate(() => announce(io, backplane, runtime))
  return backplane
}

function setUp(plan: AdapterPlan, runtime: Runtime): AdapterSetup {
  if (plan.adapter === 'ipc') return throughPrimary(plan.reason, runtime)
  return plan.adapter === 'bridge' ? throughBridge(plan, runtime) : throughRedis(plan, runtime)
}

function take(io: Server, { adapter, backplane }: AdapterSetup, runtime: Runtime): Backplane {
  io.adapter(adapter as Parameters<Server['adapter']>[0])
  eachNamespace(io, (namespace) => {
    passErrorsToCallback(namespace)
    // The cluster adapter's timers would keep this process for as long as it is allowed to stay.
    if (backplane.adapter === 'ipc' || backplane.adapter === 'bridge') closeAtLeave(namespace, runtime)
  })
  return backplane
}

function closeAtLeave({ adapter }: Namespace, runtime: Runtime): void {
  const close = (): void => void adapter.close()
  runtime.once('leave', close)
  beforeClose(adapter, () => runtime.off('leave', close))
}

function announce(io: Server, { kind, adapter, reason }: Backplane, { logger }: Pick<Runtime, 'logger'>): void {
  logger.info('backplane.chosen', { kind, reason, adapter: adapter === kind ? undefined : adapter })
  if (adapter === 'redis-streams' || !Reflect.get(Reflect.get(io, 'opts') as object, 'connectionStateRecovery')) return
  const hint = "connectionStateRecovery does nothing with this adapter; write adapter: 'redis-streams'"
  logger.warn('backplane.no-recovery', { adapter, hint })
}

/** Those that there are, and those that will be. */
function eachNamespace(io: Server, act: (namespace: Namespace) => void): void {
  for (const namespace of io._nsps.values()) act(namespace)
  io.on('new_namespace', act)
}

/** Polling requests and upgrades find their session on whatever connection they come: its id names this process. */
function keepSessions(io: Server, runtime: Runtime): void {
  runtime.keep('socket.io')
  const nameSessions = (engine: Server['engine']): void => {
    const generateId = engine.generateId.bind(engine)
    engine.generateId = (request) => runtime.sid?.() ?? generateId(request)
    runtime.counts.push(() => engine.clientsCount)
  }
  // Absent until the application attaches it to a server.
  const engine = io.engine as typeof io.engine | undefined
  if (engine !== undefined) return nameSessions(engine)
  const bind = io.bind.bind(io)
  io.bind = (late) => {
    nameSessions(late as Server['engine'])
    return bind(late)
  }
}

/** The primary; or one process alone, which needs nothing but Redis, if there are other hosts. */
function notAWorker(io: Server, plan: AdapterPlan, runtime: Runtime): Backplane {
  let inner = fixed('none', 'this process is not a worker')
  const attach = (): void => {
    runtime.once('drain', (how) => closeClients(io, how))
    if (plan.adapter === 'ipc') inner = toNobody(io)
    else
      inner = take(
        io,
        plan.adapter === 'bridge' ? bridgeStandalone(plan, runtime) : throughRedis(plan, runtime),
        runtime,
      )
    announce(io, inner, runtime)
  }
  // stickyListen has been called where the target function makes the Socket.IO server; it is still to be called where
  // the program does.
  if (runtime.isStandalone) attach()
  else runtime.once('standalone', attach)
  return {
    get kind() {
      return inner.kind
    },
    get adapter() {
      return inner.adapter
    },
    get reason() {
      return inner.reason
    },
    get connected() {
      return inner.connected
    },
    get lost() {
      return inner.lost
    },
    close: () => inner.close(),
  }
}

/**
 * Each at a moment of its own, so that the whole herd does not come back at once. One that polls is told by the answer to
 * what it asks next, so its session must not be gone before.
 */
function closeClients(io: Server, { grace, spread }: Drain): void {
  // Absent when the application never attached it to a server.
  const engine = io.engine as typeof io.engine | undefined
  if (engine === undefined) return
  const clients = Object.values(Reflect.get(engine, 'clients') as Record<string, { close(): void }>)
  for (const client of clients) setTimeout(() => client.close(), grace + Math.random() * spread).unref()
  setTimeout(() => engine.close(), grace + spread).unref()
}

/** Socket.IO's own adapter reaches the clients of this process; questions to other servers it only complains about. */
function toNobody(io: Server): Backplane {
  eachNamespace(io, ({ adapter }) => {
    adapter.serverSideEmit = (packet: unknown[]) => {
      const answered = packet.at(-1)
      if (typeof answered === 'function') answered(null, [])
    }
  })
  return fixed('none', 'there is only this process')
}
