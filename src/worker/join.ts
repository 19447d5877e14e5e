// A worker's part in the balancer: attaches the application's server, reports to the primary, drains and leaves.
import { Deadline } from '../async/waiting.ts'
import { codeOf, describe } from '../errors.ts'
import { surviveClosedStderr } from '../logger.ts'
import type { PrimaryChannel } from '../ipc/channel.ts'
import { PROTOCOL_VERSION, type Drain, type WorkerSetup } from '../ipc/messages.ts'
import { loadLibc } from '../native/libc.ts'
import { sendToPrimary, socketsSent } from '../ipc/send.ts'
import { prepareDrain } from '../serving/drain.ts'
import { intake } from '../serving/intake.ts'
import { slotSockets, type SlotSockets } from '../serving/slot-sockets.ts'
import { resolveTarget, type Target } from '../serving/target.ts'
import type { SessionLayer } from '../sessions/session-layer.ts'
import { startHeartbeats } from './heartbeat.ts'
import { LastWords } from './last-words.ts'
import { countRequests } from './request-counter.ts'

export interface WorkerEvents {
  /** No new connections come in. Those that are served have until the deadline of the plan. */
  drain(plan: Drain): void
  /** All connections are served or the deadline has passed; the process ends when the returned promise is settled. */
  leave(): Promise<void>
  /** The deadline has passed, and the process ends in the middle of its last words. @param after - milliseconds */
  cut(after: number): void
  /** This standby takes the place of a worker. */
  become(id: number, workers: number): void
  /** The number of workers has changed. */
  workers(workers: number): void
  /** A message of Holdfast's came that this version does not know. */
  unknown(): void
}

export interface Joined {
  /**
   * Resolves when the server is attached and the primary was told.
   *
   * @throws what the target function throws, or StickyError HOLDFAST_BAD_TARGET, HOLDFAST_TARGET_LISTENS or
   *   HOLDFAST_SESSION_TARGET; the process ends then
   */
  readonly ready: Promise<void>
  /**
   * Drains, and ends the process.
   *
   * @param reason - for the primary's log
   * @param deadline - milliseconds for the connections that are open
   */
  leave(reason: string, deadline: number): Promise<void>
}

export function join(
  target: Target,
  setup: WorkerSetup,
  channel: PrimaryChannel,
  sessions: SessionLayer,
  events: WorkerEvents,
): Joined {
  let closeAll = (_: Drain): Promise<void> => Promise.resolve()
  let draining: Promise<void> | undefined
  /** The one object that the server's drain reads, because the primary may change the close code later. */
  const drainPlan = { ...setup.drainPlan }
  let isReady = false
  let isStandby = setup.id < 0
  let sockets: SlotSockets | undefined
  let sendHeartbeat = (): void => {}

  const incoming = intake(setup, channel, (slots, descriptors) => addSlotSockets(slots, descriptors))
  channel.on('drain', (plan) => {
    void drain(plan)
    // Where a signal to the whole group came first, only the primary knows that this is no restart.
    drainPlan.code = plan.code
  })
  channel.on('promote', ({ id, workers }) => {
    isStandby = false
    events.become(id, workers)
  })
  channel.on('worker-count', ({ workers }) => events.workers(workers))
  channel.on('release-slots', ({ slots, acceptQueued }) => {
    sockets?.drop(slots, acceptQueued)
    sendToPrimary({ type: 'slots-released', slots })
  })
  channel.onUnknown = () => events.unknown()
  const leaveWithoutPrimary = (): void => {
    sockets?.close(true)
    incoming.stopWaiting()
    void drain(setup.drainPlan)
  }
  process.on('disconnect', leaveWithoutPrimary)
  // The primary ended while this program was loading.
  if (!process.connected) setImmediate(leaveWithoutPrimary)
  surviveClosedStderr()
  // Ctrl-C and a closed terminal reach the whole process group; the primary decides when a worker ends.
  process.on('SIGINT', () => {})
  process.on('SIGHUP', () => {})
  const lastWords = new LastWords({
    leave: () => void leave('SIGTERM', setup.drainPlan.deadline),
    cut: (after) => events.cut(after),
  })

  function addSlotSockets(slots: readonly number[], descriptors: readonly number[]): void {
    const { libc } = loadLibc()
    if (libc === undefined) return
    sockets ??= slotSockets(libc, setup.backlog, (handle) => incoming.accept(handle))
    for (const [i, fd] of descriptors.entries()) sockets.add(slots[i] ?? 0, fd)
  }

  async function start(): Promise<void> {
    const server = await resolveTarget(target)
    const drainServer = prepareDrain(server)
    closeAll = async (plan) => {
      const sessionsEnded = sessions.sessionsEnded(plan)
      await Promise.all([drainServer(plan, sessionsEnded), sessionsEnded.then(() => sessions.close())])
    }
    await sessions.open(server)
    incoming.attach(server, () => void leave('server.close()', setup.drainPlan.deadline))
    if (draining !== undefined) return
    isReady = true
    const requests = setup.countRequests ? { requests: countRequests(server) } : {}
    sendHeartbeat = startHeartbeats(
      server,
      setup.interval,
      () => ({ served: incoming.served, ...requests }),
      (heartbeat) => sendToPrimary({ type: 'heartbeat', ...heartbeat }),
    )
    sendToPrimary({ type: 'ready', version: PROTOCOL_VERSION })
  }

  async function leave(reason: string, deadline: number): Promise<void> {
    if (draining === undefined) sendToPrimary({ type: 'leaving', reason })
    const timer = setTimeout(() => incoming.stopWaiting(), deadline).unref()
    await drain({ ...setup.drainPlan, deadline })
    clearTimeout(timer)
  }

  function drain(plan: Drain): Promise<void> {
    // In its own turn, because a server that closes calls leave(), which calls this function again.
    draining ??= Promise.resolve(Object.assign(drainPlan, plan)).then(finish)
    return draining
  }

  async function finish(plan: Drain): Promise<void> {
    const deadline = new Deadline(plan.deadline)
    const endsAt = performance.now() + plan.deadline
    events.drain(plan)
    // Connections that the primary sent before it learned of the end are on their way, and are served.
    if (isReady && !isStandby) await deadline.wait(incoming.complete)
    await deadline.wait(closeAll(plan).then(socketsSent))
    sendHeartbeat()
    lastWords.begin(endsAt - performance.now(), events.leave())
    // In its own turn, because a disconnect while early messages are delivered crashes Node.
    setImmediate(() => process.connected && process.disconnect())
  }

  async function attempt(): Promise<void> {
    // In its own turn, so that the target function can use what stickyListen returns.
    await Promise.resolve()
    try {
      await start()
    } catch (error) {
      sendToPrimary({ type: 'start-failed', message: describe(error), code: codeOf(error) })
      // A worker that serves nothing must not stay, even where the application ignores `ready`.
      setImmediate(() => process.exit(1))
      throw error
    }
  }

  return { ready: attempt(), leave }
}
