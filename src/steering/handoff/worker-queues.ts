// The connections of one listener that wait for each worker: in arrival order, while the worker has no process, no room or no
// descriptors.
import type { WorkerChannel } from '../../ipc/channel.ts'
import type { Settings } from '../../options/settings.ts'
import type { SlotTable } from '../../slots/slot-table.ts'
import type { AcceptedConnection, Endpoint, Sender } from '../../transport/transport.ts'
import type { World } from '../../world.ts'
import { freeFromRecipient } from '../connection.ts'
import type { CloseReason, SteeringEvents } from '../steering.ts'
import type { Candidate, Picker } from './picking.ts'

/** The queue of one worker. */
interface WorkerQueue {
  readonly worker: number
  /** The process that serves as the worker and takes connections; undefined while there is none. */
  link: Link | undefined
  /** The connections that wait, oldest first. */
  waiting: AcceptedConnection[]
  /** Since when the worker has had no such process, on the monotonic clock. */
  downSince: number
  /** Set while nothing is sent, because the process had no descriptors left. */
  retryTimer: NodeJS.Timeout | undefined
}

/** One process. When it only finishes, its queue has another link or none. */
interface Link {
  readonly queue: WorkerQueue
  readonly channel: WorkerChannel
  readonly sender: Sender
}

export interface WorkerQueueEvents extends SteeringEvents {
  /** Number of connections that the process has. Asked only where there is a {@link Picker}. */
  openConnections(channel: WorkerChannel): number
  /** The process has these connections. */
  onAcknowledged(channel: WorkerChannel, connections: readonly AcceptedConnection[]): void
  /** No worker could take the connection. The listener closes it. */
  onDropped(connection: AcceptedConnection, reason: CloseReason): void
  /** So many connections did not reach their worker, and are sent again. */
  onRedispatched(count: number): void
}

/** Milliseconds after which connections are sent again to a worker that had no descriptors left. */
const RETRY_DELAY = 50

export class WorkerQueues {
  readonly #settings: Settings
  readonly #events: WorkerQueueEvents
  readonly #queues = new Map<number, WorkerQueue>()
  readonly #links = new Map<WorkerChannel, Link>()
  readonly #pick: Picker | undefined
  readonly #world: World
  #table: SlotTable
  /** Whether the listener is closed, so that nothing waits any more. */
  #isClosed = false

  /** @param pick - picks each connection's worker; undefined: the owner of the slot gets the connection */
  constructor(settings: Settings, table: SlotTable, events: WorkerQueueEvents, world: World, pick?: Picker) {
    this.#settings = settings
    this.#world = world
    this.#pick = pick
    this.#table = table
    this.#events = events
  }

  /** Number of connections that wait for the worker or that it has not acknowledged. */
  pendingOf(worker: number): number {
    const queue = this.#queues.get(worker)
    return queue === undefined ? 0 : queue.waiting.length + (queue.link?.sender.unacknowledged ?? 0)
  }

  /** Sends the connection to its worker, or lets it wait. */
  dispatch(connection: AcceptedConnection): void {
    if (this.#isClosed) return this.#events.onDropped(connection, 'listener-closed')
    let queue = connection.recipient === undefined ? undefined : this.#queueOfProcess(connection.recipient)
    if (queue === undefined) {
      if (connection.recipient !== undefined) freeFromRecipient(connection)
      queue = this.#pickQueue(connection)
    }
    // Keep arrival order: never overtake connections that wait.
    if (queue.waiting.length > 0 || !queue.link?.sender.send(connection)) queue.waiting.push(connection)
  }

  /**
   * Sets the owners of the slots. Connections that wait for another worker than their new owner are dispatched again.
   */
  assign(table: SlotTable): void {
    this.#table = table
    for (const queue of this.#queues.values()) {
      this.#dispatchAgain(queue, ({ slot, recipient }) => recipient === undefined && !this.#mayWait(slot, queue))
    }
  }

  /** The process at the other end of the channel serves as that worker from now on. */
  attach(worker: number, channel: WorkerChannel, endpoint: Pick<Endpoint, 'sender'>): void {
    const queue = this.#queueOfWorker(worker)
    const sender = endpoint.sender(channel, {
      onAcknowledged: (connections) => this.#events.onAcknowledged(channel, connections),
      onUndelivered: (connections) => this.#retryLater(queue, connections),
      onRoom: () => this.#flush(queue),
      onClosed: () => this.detach(channel),
    })
    queue.link = { queue, channel, sender }
    this.#links.set(channel, queue.link)
    this.#dispatchForeign(queue)
    this.#flush(queue)
    // Where any worker may serve, connections that wait for an absent worker go to this one.
    if (this.#pick !== undefined) this.assign(this.#table)
  }

  /** The process gets no more connections. */
  retire(channel: WorkerChannel): void {
    const link = this.#links.get(channel)
    if (link === undefined) return
    link.sender.end()
    this.#vacate(link)
  }

  /** The process has ended. What it did not acknowledge is dispatched again. */
  detach(channel: WorkerChannel): void {
    const link = this.#links.get(channel)
    if (link === undefined) return
    this.#links.delete(channel)
    this.#vacate(link)
    this.#redispatch(link.queue, link.sender.close())
  }

  /** For how many milliseconds the process has owed an answer. Asks it for one after `health.ackTimeout`. */
  silence(channel: WorkerChannel, now: number): number {
    return this.#links.get(channel)?.sender.silence(now, this.#settings.health.ackTimeout) ?? 0
  }

  /** To be called regularly: asks silent processes for an answer, and applies `holdTimeout`. */
  checkTimeouts(now: number): void {
    for (const channel of this.#links.keys()) this.silence(channel, now)
    for (const queue of this.#queues.values()) if (queue.link === undefined) this.#expire(queue, now)
  }

  /** Drops the connections that wait. Those on their way to a worker go on. */
  dropWaiting(): void {
    this.#isClosed = true
    for (const queue of this.#queues.values()) {
      this.#world.clearTimeout(queue.retryTimer)
      for (const connection of queue.waiting.splice(0)) this.#events.onDropped(connection, 'listener-closed')
    }
  }

  /** Drops all connections that no worker has acknowledged. */
  close(): void {
    const left = [...this.#links.values()].flatMap(({ sender }) => sender.close())
    this.#links.clear()
    for (const queue of this.#queues.values()) {
      this.#world.clearTimeout(queue.retryTimer)
      left.push(...queue.waiting.splice(0))
      queue.link = undefined
    }
    for (const connection of left) this.#events.onDropped(connection, 'shutdown')
  }

  /** Takes the process away from its queue, unless a successor has the queue already. */
  #vacate(link: Link): void {
    const { queue } = link
    if (queue.link !== link) return
    queue.link = undefined
    queue.downSince = this.#world.now()
    this.#dispatchForeign(queue)
    if (this.#pick !== undefined) this.assign(this.#table)
  }

  /**
   * Dispatches again the connections that wait for one particular process, if that process has left this queue.
   */
  #dispatchForeign(queue: WorkerQueue): void {
    this.#dispatchAgain(queue, ({ recipient }) => recipient !== undefined && this.#queueOfProcess(recipient) !== queue)
  }

  /** Dispatches those connections again that are in the wrong queue. */
  #dispatchAgain(queue: WorkerQueue, isWrong: (connection: AcceptedConnection) => boolean): void {
    const wrong = queue.waiting.filter(isWrong)
    if (wrong.length === 0) return
    queue.waiting = queue.waiting.filter((connection) => !isWrong(connection))
    for (const connection of wrong) this.dispatch(connection)
  }

  #flush(queue: WorkerQueue): void {
    if (queue.retryTimer !== undefined) return
    let sent = 0
    for (const connection of queue.waiting) {
      if (!queue.link?.sender.send(connection)) break
      sent++
    }
    queue.waiting.splice(0, sent)
  }

  /**
   * Dispatches connections that an ended process did not acknowledge, before those that wait; the slot may have another
   * owner by now.
   */
  #redispatch(queue: WorkerQueue, connections: readonly AcceptedConnection[]): void {
    if (connections.length === 0) return
    this.#events.onRedispatched(connections.length)
    for (const connection of [...connections, ...queue.waiting.splice(0)]) this.dispatch(connection)
  }

  /** The process had no descriptors for these connections: they are sent again later, until `holdTimeout`. */
  #retryLater(queue: WorkerQueue, connections: readonly AcceptedConnection[]): void {
    if (this.#isClosed) {
      for (const connection of connections) this.#events.onDropped(connection, 'listener-closed')
      return
    }
    const oldest = this.#world.now() - this.#settings.limits.holdTimeout
    for (const connection of connections) {
      if (connection.acceptedAt < oldest) this.#events.onDropped(connection, 'hold-timeout')
    }
    const retried = connections.filter(({ acceptedAt }) => acceptedAt >= oldest)
    this.#events.onRedispatched(retried.length)
    // A transport may report these connections one at a time, the oldest first.
    queue.waiting = [...retried, ...queue.waiting].sort((a, b) => a.acceptedAt - b.acceptedAt)
    this.#dispatchForeign(queue)
    this.assign(this.#table)
    queue.retryTimer ??= this.#world
      .setTimeout(() => {
        queue.retryTimer = undefined
        this.#flush(queue)
      }, RETRY_DELAY)
      .unref()
  }

  /**
   * Asks for a failover, which moves the connections to other queues. If none is possible, drops those older than
   * `holdTimeout`.
   */
  #expire(queue: WorkerQueue, now: number): void {
    const { holdTimeout } = this.#settings.limits
    if (now - queue.downSince < holdTimeout) return
    if (this.#table.workers.includes(queue.worker)) this.#events.onOverdue(queue.worker)
    const firstInTime = queue.waiting.findIndex(({ acceptedAt }) => now - acceptedAt < holdTimeout)
    const expired = queue.waiting.splice(0, firstInTime < 0 ? queue.waiting.length : firstInTime)
    for (const connection of expired) this.#events.onDropped(connection, 'hold-timeout')
  }

  /** Whether a connection of that slot is right to wait in the queue. */
  #mayWait(slot: number, queue: WorkerQueue): boolean {
    if (this.#pick === undefined) return this.#table.owners[slot] === queue.worker
    return this.#isServing(queue) || ![...this.#queues.values()].some((other) => this.#isServing(other))
  }

  #pickQueue(connection: AcceptedConnection): WorkerQueue {
    const owner = this.#table.owners[connection.slot] ?? 0
    if (this.#pick === undefined) return this.#queueOfWorker(owner)
    const candidates = this.#candidates()
    return this.#queueOfWorker(candidates.length === 0 ? owner : this.#pick(connection, owner, candidates))
  }

  #candidates(): Candidate[] {
    const serving = [...this.#queues.values()].filter((queue) => this.#isServing(queue))
    return serving
      .map(({ worker, link, waiting }) => {
        const open = link === undefined ? 0 : this.#events.openConnections(link.channel)
        return { worker, load: open + waiting.length + (link?.sender.unacknowledged ?? 0) }
      })
      .sort((a, b) => a.worker - b.worker)
  }

  #isServing({ worker, link }: WorkerQueue): boolean {
    return link !== undefined && this.#table.workers.includes(worker)
  }

  /** The queue of the worker that the process serves as; undefined when the process takes no more connections. */
  #queueOfProcess(channel: WorkerChannel): WorkerQueue | undefined {
    const link = this.#links.get(channel)
    return link?.queue.link === link ? link?.queue : undefined
  }

  #queueOfWorker(worker: number): WorkerQueue {
    let queue = this.#queues.get(worker)
    if (queue === undefined) {
      const downSince = this.#world.now()
      queue = { worker, link: undefined, waiting: [], downSince, retryTimer: undefined }
      this.#queues.set(worker, queue)
    }
    return queue
  }
}
