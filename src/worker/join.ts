// A worker's part in the balancer: attaches the application's servers, reports to the primary, drains and leaves.
import type { Server } from 'node:net'
import { deferred } from '../async/deferred.ts'
import { Deadline } from '../async/waiting.ts'
import { codeOf, describe } from '../errors.ts'
import { surviveClosedOutput } from '../logger.ts'
import type { PrimaryChannel } from '../ipc/channel.ts'
import { addressOn, type ListenTarget } from '../ipc/listen-target.ts'
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
import { Claims, type Claim } from './claims.ts'
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

/** Under the command the program decides which of its servers get the connections, and when its process ends. */
export interface ProgramLife {
  /** Whether this worker finishes: no server gets connections any more. */
  readonly isDraining: boolean
  /** The listeners of this worker. */
  readonly claims: Claims
  /** This server of the program gets the connections of the listener from now on. */
  serve(server: Server, claim: Claim): Promise<void>
  /**
   * The program has closed the server of that listener. Connections wait until it has another one, for at most `holdTimeout`
   * milliseconds; then the worker leaves, and its connections go to another process.
   */
  hold(listener: number, holdTimeout: number): void
  /** The program has closed the server of that listener, and another worker gets its connections. */
  release(listener: number): void
  /** The process ends when the program has nothing left to do. @param isNeeded - see ProcessLife */
  setNeeded(isNeeded: boolean): void
}

export interface Joined {
  /** For the command. */
  readonly program: ProgramLife
  /** Resolves when the primary was told that this worker is ready. */
  readonly ready: Promise<void>
  /**
   * Serves these places with the application's server. Resolves when the server is attached. The primary is told as soon
   * as the servers of all calls so far are attached.
   *
   * @param isFirst - whether this is the first call of stickyListen in this process
   * @throws what the target function throws, or StickyError HOLDFAST_BAD_TARGET, HOLDFAST_TARGET_LISTENS or
   *   HOLDFAST_SESSION_TARGET; the process ends then
   */
  add(target: Target, places: readonly ListenTarget[], isFirst: boolean): Promise<void>
  /**
   * Drains, and ends the process.
   *
   * @param reason - for the primary's log
   * @param deadline - milliseconds for the connections that are open
   */
  leave(reason: string, deadline: number): Promise<void>
}

export function join(
  setup: WorkerSetup,
  channel: PrimaryChannel,
  sessions: SessionLayer,
  events: WorkerEvents,
): Joined {
  /** The servers that got connections. */
  const drains = new Map<Server, DrainServer>()
  const claims = new Claims(setup, channel)
  /** The server of each listener, by the number of the listener. */
  const servers = new Map<number, Server>()
  const requestCounts = noCounts()
  const life = new ProcessLife()
  const ready = deferred()
  /** Number of calls of {@link Joined.add} whose server is not attached yet. */
  let starting = 0
  let expectation: NodeJS.Timeout | undefined
  let draining: Promise<void> | undefined
  /** The one object that the server's drain reads, because the primary may change the close code later. */
  const drainPlan = { ...setup.drainPlan }
  /** Whether the servers are attached, and the primary was told where it still listens. */
  let isReady = false
  let isStandby = setup.id < 0
  let sockets: SlotSockets | undefined
  let sendHeartbeat = (): void => {}

  // No message is missed: Node keeps those that came before the first listener.
  const ticketKeys = sharedTicketKeys(channel)
  const incoming = intake(setup, channel, (numbers, descriptors) => addSlotSockets(numbers, descriptors))
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

  function addSlotSockets(numbers: readonly number[], descriptors: readonly number[]): void {
    const { libc } = loadLibc()
    if (libc === undefined) return
    sockets ??= slotSockets(libc, setup.backlog, (handle, listener) => incoming.accept(handle, listener))
    for (const [i, fd] of descriptors.entries()) sockets.add(numbers[i] ?? 0, fd)
  }

  async function start(target: Target, places: readonly ListenTarget[], isFirst: boolean): Promise<void> {
    const server = await resolveTarget(target)
    await serve(server, await (isFirst ? claims.claimFirst(places) : claims.claimAll(places)))
  }

  async function serve(server: Server, claimed: readonly Claim[]): Promise<void> {
    const ids = claimed.map(({ id }) => id)
    const [first] = claimed
    if (first === undefined) return
    for (const id of ids) servers.set(id, server)
    const isNew = !drains.has(server)
    if (isNew) {
      drains.set(server, prepareDrain(server))
      ticketKeys.attach(server)
    }
    await sessions.open(server, first.id)
    // The program may have closed the server meanwhile.
    const isServed = ids.filter((id) => servers.get(id) === server)
    if (isServed.length === 0) return
    incoming.attach(server, isServed, addressOn(first), () => onClose(server))
    if (isNew && setup.countRequests) countRequests(server, requestCounts)
  }

  /** The application has closed the server, on all of its listeners. The worker leaves with the last server. */
  function onClose(server: Server): void {
    if (draining !== undefined) return
    const ids = [...servers].filter(([, other]) => other === server).map(([id]) => id)
    for (const id of ids) servers.delete(id)
    if (servers.size === 0) return leaveByItself('server.close()')
    for (const id of ids) claims.release(id)
  }

  /** Ready, as soon as this process listens everywhere the one before it does, or has had some time for that. */
  function becomeReadyIfExpected(): void {
    if (isReady || starting > 0 || claims.ids.length === 0) return
    const missing = setup.expected.filter((id) => !claims.ids.includes(id))
    if (missing.length === 0) becomeReady()
    else expectation ??= setTimeout(becomeReady, setup.expectedTimeout).unref()
  }

  function becomeReady(): void {
    if (isReady) return
    isReady = true
    ready.resolve()
    if (draining !== undefined) return
    clearTimeout(expectation)
    claims.reported()
    const requests = setup.countRequests ? { requests: requestCounts } : {}
    sendHeartbeat = startHeartbeats(
      (onCount) => countConnections([...drains.keys()], onCount),
      setup.interval,
      () => ({ served: incoming.served, ...requests }),
      (heartbeat) => sendToPrimary({ type: 'heartbeat', ...heartbeat }),
    )
    sendToPrimary({ type: 'ready', version: PROTOCOL_VERSION, listeners: claims.ids })
  }

  async function closeAll(plan: Drain): Promise<void> {
    const sessionsEnded = sessions.sessionsEnded(plan)
    const drained = [...drains.values()].map((drainServer) => drainServer(plan, sessionsEnded))
    await Promise.all([...drained, sessionsEnded.then(() => sessions.close())])
  }

  function leaveByItself(reason: string): void {
    void leave(reason, setup.drainPlan.deadline)
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

  /** Counts an attempt to serve, so that this worker is not ready before all of them are done. */
  async function during(attempt: () => Promise<void>): Promise<void> {
    starting++
    try {
      await attempt()
    } finally {
      starting--
    }
    becomeReadyIfExpected()
  }

  async function add(target: Target, places: readonly ListenTarget[], isFirst: boolean): Promise<void> {
    try {
      await during(async () => {
        // In its own turn, so that the target function can use what stickyListen returns.
        await Promise.resolve()
        await start(target, places, isFirst)
      })
    } catch (error) {
      sendToPrimary({ type: 'start-failed', message: describe(error), code: codeOf(error) })
      // A worker that serves nothing must not stay, even where the application ignores `ready`.
      setImmediate(() => process.exit(1))
      if (isReady) throw error
      ready.reject(error)
    }
  }

  let holds = 0
  life.onIdle = () => {
    if (draining === undefined) lastWords.needNoSigterm()
    leaveByItself('the program has nothing left to do')
  }
  const program: ProgramLife = {
    claims,
    get isDraining() {
      return draining !== undefined
    },
    async serve(server, claim) {
      if (draining !== undefined) return
      await during(() => serve(server, [claim])).catch((error: unknown) => {
        if (!isReady) sendToPrimary({ type: 'start-failed', message: describe(error), code: codeOf(error) })
        throw error
      })
    },
    hold(listener, holdTimeout) {
      if (draining !== undefined) return
      servers.delete(listener)
      const hold = ++holds
      const giveUp = (): void => {
        if (!servers.has(listener) && hold === holds) leaveByItself('server.close()')
      }
      incoming.hold(listener, () => setTimeout(giveUp, holdTimeout).unref())
    },
    release(listener) {
      if (draining !== undefined || !claims.release(listener)) return
      servers.delete(listener)
      incoming.giveBack(listener)
    },
    setNeeded(isNeeded) {
      if (draining === undefined) life.followProgram(isNeeded)
    },
  }

  return { add, leave, program, ready: ready.promise }
}

/** Calls back with the sum of the servers' open connections. */
function countConnections(
  servers: readonly Server[],
  onCount: (error: unknown, connections: number) => void,
  before = 0,
): void {
  const [server, ...rest] = servers
  if (server === undefined) return onCount(undefined, before)
  server.getConnections((_error, count) => countConnections(rest, onCount, before + count))
}
