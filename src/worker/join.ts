// A worker's part in the balancer: attaches the application's server, reports to the primary, drains and leaves.
import type { Server } from 'node:net'
import { Deadline } from '../async/waiting.ts'
import { codeOf, describe } from '../errors.ts'
import { surviveClosedOutput } from '../logger.ts'
import type { PrimaryChannel } from '../ipc/channel.ts'
import { PROTOCOL_VERSION, type Drain, type WorkerSetup } from '../ipc/messages.ts'
import { loadLibc } from '../native/libc.ts'
import { noCounts } from '../ipc/request-counts.ts'
import { sendToPrimary, socketsSent } from '../ipc/send.ts'
import { stopReports } from '../ipc/watch-reports.ts'
import { prepareDrain, type DrainServer } from '../serving/drain.ts'
import { intake } from '../serving/intake.ts'
import { slotSockets, type SlotSockets } from '../serving/slot-sockets.ts'
import { resolveTarget, type Target } from '../serving/target.ts'
import { sharedTicketKeys } from '../serving/ticket-keys.ts'
import type { SessionLayer } from '../sessions/session-layer.ts'
import { startHeartbeats } from './heartbeat.ts'
import { LastWords } from './last-words.ts'
import { ProcessLife } from './process-life.ts'
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

/** Under the command the program decides which of its servers gets the connections, and when its process ends. */
export interface ProgramLife {
  /** Whether this worker finishes: no server gets connections any more. */
  readonly isDraining: boolean
  /** This server of the program gets the connections from now on. */
  serve(server: Server): Promise<void>
  /**
   * The program has closed its server. Connections wait until it has another one, for at most `holdTimeout` milliseconds;
   * then the worker leaves, and its connections go to another process.
   */
  hold(holdTimeout: number): void
  /** The process ends when the program has nothing left to do. @param isNeeded - see ProcessLife */
  setNeeded(isNeeded: boolean): void
}

export interface Joined {
  /** For the command. */
  readonly program: ProgramLife
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
  /** The servers that got connections. */
  const drains = new Map<Server, DrainServer>()
  /** The server that gets the connections, or got the last one. */
  let server: Server | undefined
  /** Whether the program has closed its server, so that connections wait for the next one. */
  let isHeld = false
  const requestCounts = noCounts()
  const life = new ProcessLife()
  let draining: Promise<void> | undefined
  /** The one object that the server's drain reads, because the primary may change the close code later. */
  const drainPlan = { ...setup.drainPlan }
  let isReady = false
  let isStandby = setup.id < 0
  let sockets: SlotSockets | undefined
  let sendHeartbeat = (): void => {}

  // No message is missed: Node keeps those that came before the first listener.
  const ticketKeys = sharedTicketKeys(channel)
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
    stopReports()
    sockets?.close(true)
    incoming.stopWaiting()
    void drain(setup.drainPlan)
  }
  process.on('disconnect', leaveWithoutPrimary)
  // The primary ended while this program was loading.
  if (!process.connected) setImmediate(leaveWithoutPrimary)
  surviveClosedOutput()
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

  async function serve(next: Server): Promise<void> {
    server = next
    isHeld = false
    const isNew = !drains.has(next)
    if (isNew) {
      drains.set(next, prepareDrain(next))
      ticketKeys.attach(next)
    }
    await sessions.open(next)
    // The program may have closed the server meanwhile.
    if (isHeld || server !== next) return
    incoming.attach(next, () => void leave('server.close()', setup.drainPlan.deadline))
    if (draining !== undefined) return
    if (isNew && setup.countRequests) countRequests(next, requestCounts)
    becomeReady()
  }

  function becomeReady(): void {
    if (isReady) return
    isReady = true
    const requests = setup.countRequests ? { requests: requestCounts } : {}
    sendHeartbeat = startHeartbeats(
      (onCount) => server?.getConnections(onCount),
      setup.interval,
      () => ({ served: incoming.served, ...requests }),
      (heartbeat) => sendToPrimary({ type: 'heartbeat', ...heartbeat }),
    )
    sendToPrimary({ type: 'ready', version: PROTOCOL_VERSION })
  }

  async function closeAll(plan: Drain): Promise<void> {
    const sessionsEnded = sessions.sessionsEnded(plan)
    const servers = [...drains.values()].map((drainServer) => drainServer(plan, sessionsEnded))
    await Promise.all([...servers, sessionsEnded.then(() => sessions.close())])
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
    incoming.giveBack()
    // Connections that the primary sent before it learned of the end are on their way, and are served.
    if (isReady && !isStandby) await life.during(deadline.wait(incoming.complete))
    await deadline.wait(life.untilIdle(closeAll(plan)).then(socketsSent))
    sendHeartbeat()
    lastWords.begin(endsAt - performance.now(), events.leave())
    // In its own turn, because a disconnect while early messages are delivered crashes Node.
    setImmediate(() => process.connected && process.disconnect())
  }

  async function attempt(): Promise<void> {
    // In its own turn, so that the target function can use what stickyListen returns.
    await Promise.resolve()
    try {
      await serve(await resolveTarget(target))
    } catch (error) {
      sendToPrimary({ type: 'start-failed', message: describe(error), code: codeOf(error) })
      // A worker that serves nothing must not stay, even where the application ignores `ready`.
      setImmediate(() => process.exit(1))
      throw error
    }
  }

  let holds = 0
  const leaveByItself = (reason: string): void => void leave(reason, setup.drainPlan.deadline)
  life.onIdle = () => {
    if (draining === undefined) lastWords.needNoSigterm()
    leaveByItself('the program has nothing left to do')
  }
  const program: ProgramLife = {
    get isDraining() {
      return draining !== undefined
    },
    async serve(next) {
      if (draining === undefined) await serve(next)
    },
    hold(holdTimeout) {
      if (draining !== undefined) return
      isHeld = true
      const hold = ++holds
      const giveUp = (): void => {
        if (isHeld && hold === holds) leaveByItself('server.close()')
      }
      incoming.hold(() => setTimeout(giveUp, holdTimeout).unref())
    },
    setNeeded(isNeeded) {
      if (draining === undefined) life.followProgram(isNeeded)
    },
  }

  return { ready: attempt(), leave, program }
}
