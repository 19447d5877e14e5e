// Inside a worker: attach the application's server, say ready, drain, leave.
import { codeOf, describe } from '../errors.ts'
import { surviveClosedStderr } from '../logger.ts'
import type { PrimaryChannel } from '../ipc/channel.ts'
import { PROTOCOL_VERSION, type Drain, type WorkerSetup } from '../ipc/messages.ts'
import { loadLibc } from '../native/libc.ts'
import { sendToPrimary, socketsSent } from '../ipc/send.ts'
import { startHeartbeats } from './heartbeat.ts'
import { finisher } from '../serving/drain.ts'
import { intake } from '../serving/intake.ts'
import { countRequests } from './request-counter.ts'
import type { SessionLayer } from '../sessions/session-layer.ts'
import { slotSockets, type SlotSockets } from '../serving/slot-sockets.ts'
import { resolveTarget, type Target } from '../serving/target.ts'

export interface WorkerEvents {
  /** No new connections come in; what is served has until the deadline. */
  drain(how: Drain): void
  /** Everything is served; the process ends now. */
  leave(): void
  /** This process, a standby so far, is a worker now. */
  become(id: number, workers: number): void
  /** The number of workers has changed. */
  workers(workers: number): void
  /** A message of ours that this version does not know. */
  unknown(): void
}

/** A worker's side of the bargain. */
export interface Joined {
  readonly ready: Promise<void>
  /** Stops taking connections, finishes what is served within `deadline` milliseconds, and ends the process. */
  leave(reason: string, deadline: number): Promise<void>
}

/** Milliseconds that the application has after 'leave' to end by itself, before the process is ended. */
const LAST_WORDS = 1_000

export function join(
  target: Target,
  setup: WorkerSetup,
  channel: PrimaryChannel,
  sessions: SessionLayer,
  events: WorkerEvents,
): Joined {
  let close = (_: Drain): Promise<void> => Promise.resolve()
  let left: Promise<void> | undefined
  const drainPlan = { ...setup.drainPlan }
  let isReady = false
  let isSpare = setup.id < 0
  let sockets: SlotSockets | undefined
  let lastHeartbeat = (): void => {}

  // From here on nothing is missed: Node keeps messages that came before the first listener.
  const incoming = intake(setup, channel, (slots, descriptors) => listenOn(slots, descriptors))
  channel.on('drain', (how) => {
    void drain(how)
    // Where a signal to the whole process group came first, only the primary knows that this is no restart.
    drainPlan.code = how.code
  })
  channel.on('promote', ({ id, workers }) => {
    isSpare = false
    events.become(id, workers)
  })
  channel.on('worker-count', ({ workers }) => events.workers(workers))
  channel.on('release-slots', ({ slots, acceptQueued }) => {
    sockets?.drop(slots, acceptQueued)
    sendToPrimary({ type: 'slots-released', slots })
  })
  channel.onUnknown = () => events.unknown()
  /** The primary is gone: finish what is served, then go too. */
  const orphaned = (): void => {
    sockets?.close(true)
    incoming.stop()
    void drain(setup.drainPlan)
  }
  process.on('disconnect', orphaned)
  // It went while this program was loading.
  if (!process.connected) setImmediate(orphaned)
  surviveClosedStderr()
  // Ctrl-C and a closed terminal reach the whole process group; the primary decides when a worker ends.
  process.on('SIGINT', () => {})
  process.on('SIGHUP', () => {})
  process.on('SIGTERM', () => void leave('SIGTERM', setup.drainPlan.deadline))

  function listenOn(slots: readonly number[], descriptors: readonly number[]): void {
    const { libc } = loadLibc()
    if (libc === undefined) return
    sockets ??= slotSockets(libc, setup.backlog, (handle) => incoming.accept(handle))
    for (const [i, fd] of descriptors.entries()) sockets.take(slots[i] ?? 0, fd)
  }

  async function start(): Promise<void> {
    const server = await resolveTarget(target)
    const closeServer = finisher(server)
    close = async (how) => {
      const ended = sessions.end(how)
      await Promise.all([closeServer(how, ended), ended.then(() => sessions.close())])
    }
    await sessions.open(server)
    incoming.attach(server, () => void leave('server.close()', setup.drainPlan.deadline))
    if (left !== undefined) return
    isReady = true
    const requests = setup.countRequests ? { requests: countRequests(server) } : {}
    lastHeartbeat = startHeartbeats(
      server,
      setup.interval,
      () => ({ served: incoming.served, ...requests }),
      (beat) => sendToPrimary({ type: 'heartbeat', ...beat }),
    )
    sendToPrimary({ type: 'ready', version: PROTOCOL_VERSION })
  }

  async function leave(reason: string, deadline: number): Promise<void> {
    if (left === undefined) sendToPrimary({ type: 'leaving', reason })
    const timer = setTimeout(() => incoming.stop(), deadline).unref()
    await drain({ ...setup.drainPlan, deadline })
    clearTimeout(timer)
  }

  function drain(how: Drain): Promise<void> {
    // In a turn of its own: closing the server says that it was closed, which leads here again.
    left ??= Promise.resolve(Object.assign(drainPlan, how)).then(finish)
    return left
  }

  async function finish(how: Drain): Promise<void> {
    const expired = new Promise<void>((done) => setTimeout(done, how.deadline).unref())
    events.drain(how)
    // What the primary sent before it heard of the leave is still on its way, and is served.
    if (isReady && !isSpare) await Promise.race([incoming.end, expired])
    await Promise.race([close(how).then(socketsSent), expired])
    lastHeartbeat()
    events.leave()
    // In a turn of its own: disconnecting while early messages are being delivered crashes Node.
    setImmediate(() => process.connected && process.disconnect())
    setTimeout(() => process.exit(), LAST_WORDS).unref()
  }

  async function attempt(): Promise<void> {
    // In a turn of its own, so that the target function can use what stickyListen returns.
    await Promise.resolve()
    try {
      await start()
    } catch (error) {
      sendToPrimary({ type: 'start-failed', message: describe(error), code: codeOf(error) })
      // Whether or not the application looks at `ready`: a worker that serves nothing must not stay.
      setImmediate(() => process.exit(1))
      throw error
    }
  }

  return { ready: attempt(), leave }
}
