// The queues of connections that wait for each worker, and what happens to them while a worker is absent.
import type { WorkerChannel } from '../../ipc/channel.ts'
import type { Settings } from '../../options/settings.ts'
import type { SlotTable } from '../../slots/slot-table.ts'
import type { AcceptedConnection, Endpoint, Sender } from '../../transport/transport.ts'
import { unsettleConnection } from '../connection.ts'
import type { Candidate, Picker } from './picking.ts'
import type { CloseReason, SteeringEvents } from '../steering.ts'
import type { World } from '../../world.ts'

/** One worker's queue: the channel while the worker is up, and the connections that wait for it. */
interface WorkerQueue {
  readonly worker: number
  /** The process at the other end of `sender`. */
  channel: WorkerChannel | undefined
  sender: Sender | undefined
  waiting: AcceptedConnection[]
  /** When the worker went away, on the monotonic clock. */
  downSince: number
  /** Set while nothing is sent because the worker had no descriptors left. */
  resting: NodeJS.Timeout | undefined
}

interface Link {
  readonly queue: WorkerQueue
  readonly sender: Sender
}

export interface WorkerQueueEvents extends SteeringEvents {
  /** Connections that the process has taken and not ended; asked only where somebody picks. */
  open(channel: WorkerChannel): number
  /** The process has these now. */
  taken(channel: WorkerChannel, connections: readonly AcceptedConnection[]): void
  /** These could not be given to anybody. */
  dropped(connection: AcceptedConnection, reason: CloseReason): void
  /** These are sent once more. */
  again(connections: number): void
}

/** Milliseconds for a worker without descriptors to get some back. */
const REST = 50

export class WorkerQueues {
  readonly #settings: Settings
  readonly #events: WorkerQueueEvents
  readonly #queues = new Map<number, WorkerQueue>()
  readonly #links = new Map<WorkerChannel, Link>()
  readonly #pick: Picker | undefined
  readonly #world: World
  #table: SlotTable

  /** @param pick - undefined: the owner of the slot gets it */
  constructor(settings: Settings, table: SlotTable, events: WorkerQueueEvents, world: World, pick?: Picker) {
    this.#settings = settings
    this.#world = world
    this.#pick = pick
    this.#table = table
    this.#events = events
  }

  /** Connections that wait for the worker or were not acknowledged by it. */
  pendingOf(worker: number): number {
    const queue = this.#queues.get(worker)
    return queue === undefined ? 0 : queue.waiting.length + (queue.sender?.unacknowledged ?? 0)
  }

  dispatch(connection: AcceptedConnection): void {
    let queue = connection.recipient === undefined ? undefined : this.#queueOf(connection.recipient)
    if (queue === undefined) {
      if (connection.recipient !== undefined) unsettleConnection(connection)
      queue = this.#pickQueue(connection)
    }
    // Whoever came first goes first.
    if (queue.waiting.length > 0 || !queue.sender?.send(connection)) queue.waiting.push(connection)
  }

  assign(table: SlotTable): void {
    this.#table = table
    for (const queue of this.#queues.values()) {
      this.#dispatchAnew(queue, ({ slot, recipient }) => recipient === undefined && !this.#mayWait(slot, queue))
    }
  }

  attach(worker: number, channel: WorkerChannel, endpoint: Endpoint): void {
    const queue = this.#queue(worker)
    const sender = endpoint.sender(channel, {
      taken: (connections) => this.#events.taken(channel, connections),
      lost: (connections) => this.#lost(queue, connections),
      room: () => this.#flush(queue),
      gone: () => this.detach(channel),
    })
    this.#links.set(channel, { queue, sender })
    queue.sender = sender
    queue.channel = channel
    this.#redirect(queue)
    this.#flush(queue)
    // Where anybody may serve, what waits for somebody absent need not.
    if (this.#pick !== undefined) this.assign(this.#table)
  }

  retire(channel: WorkerChannel): void {
    const link = this.#links.get(channel)
    if (link === undefined) return
    link.sender.end()
    this.#vacate(link)
  }

  detach(channel: WorkerChannel): void {
    const link = this.#links.get(channel)
    if (link === undefined) return
    this.#links.delete(channel)
    this.#vacate(link)
    this.#again(link.queue, link.sender.close())
  }

  silence(channel: WorkerChannel, now: number): number {
    return this.#links.get(channel)?.sender.silence(now, this.#settings.health.ackTimeout) ?? 0
  }

  /** To be called now and then: asks the silent, and gives up on the absent. */
  look(now: number): void {
    for (const channel of this.#links.keys()) this.silence(channel, now)
    for (const queue of this.#queues.values()) if (queue.sender === undefined) this.#expire(queue, now)
  }

  close(): void {
    const left = [...this.#links.values()].flatMap(({ sender }) => sender.close())
    this.#links.clear()
    for (const queue of this.#queues.values()) {
      this.#world.clearTimeout(queue.resting)
      left.push(...queue.waiting.splice(0))
      queue.sender = undefined
    }
    for (const connection of left) this.#events.dropped(connection, 'shutdown')
  }

  /** The queue is without a worker, unless a successor has it already. */
  #vacate({ queue, sender }: Link): void {
    if (queue.sender !== sender) return
    queue.sender = undefined
    queue.downSince = this.#world.now()
    this.#redirect(queue)
    if (this.#pick !== undefined) this.assign(this.#table)
  }

  /** What is for a process that takes no more is not for its successor, nor need wait for one: somebody looks at it anew. */
  #redirect(queue: WorkerQueue): void {
    this.#dispatchAnew(queue, ({ recipient }) => recipient !== undefined && this.#queueOf(recipient) !== queue)
  }

  #dispatchAnew(queue: WorkerQueue, isAstray: (connection: AcceptedConnection) => boolean): void {
    const astray = queue.waiting.filter(isAstray)
    if (astray.length === 0) return
    queue.waiting = queue.waiting.filter((connection) => !isAstray(connection))
    for (const connection of astray) this.dispatch(connection)
  }

  #flush(queue: WorkerQueue): void {
    if (queue.resting !== undefined) return
    let sent = 0
    for (const connection of queue.waiting) {
      if (!queue.sender?.send(connection)) break
      sent++
    }
    queue.waiting.splice(0, sent)
  }

  /** Back to the head of the line: the owner may have changed meanwhile, so each is dispatched anew. */
  #again(queue: WorkerQueue, connections: readonly AcceptedConnection[]): void {
    if (connections.length === 0) return
    this.#events.again(connections.length)
    const line = [...connections, ...queue.waiting.splice(0)]
    for (const connection of line) this.dispatch(connection)
  }

  /** The worker lives and has no descriptors for them: they are tried again, for `holdTimeout`. */
  #lost(queue: WorkerQueue, connections: readonly AcceptedConnection[]): void {
    const oldest = this.#world.now() - this.#settings.limits.holdTimeout
    for (const connection of connections) {
      if (connection.acceptedAt < oldest) this.#events.dropped(connection, 'hold-timeout')
    }
    const again = connections.filter(({ acceptedAt }) => acceptedAt >= oldest)
    this.#events.again(again.length)
    // Some transports tell of one at a time, the first one first.
    queue.waiting = [...again, ...queue.waiting].sort((a, b) => a.acceptedAt - b.acceptedAt)
    this.#redirect(queue)
    this.assign(this.#table)
    queue.resting ??= this.#world
      .setTimeout(() => {
        queue.resting = undefined
        this.#flush(queue)
      }, REST)
      .unref()
  }

  /** First the slots fail over, which empties the queue; what is left then has nowhere to go. */
  #expire(queue: WorkerQueue, now: number): void {
    const { holdTimeout } = this.#settings.limits
    if (now - queue.downSince < holdTimeout) return
    if (this.#table.workers.includes(queue.worker)) this.#events.overdue(queue.worker)
    const late = queue.waiting.findIndex(({ acceptedAt }) => now - acceptedAt < holdTimeout)
    const expired = queue.waiting.splice(0, late < 0 ? queue.waiting.length : late)
    for (const connection of expired) this.#events.dropped(connection, 'hold-timeout')
  }

  /** Whether a connection of that slot is right to wait there. */
  #mayWait(slot: number, queue: WorkerQueue): boolean {
    if (this.#pick === undefined) return this.#table.owners[slot] === queue.worker
    return this.#isOpen(queue) || ![...this.#queues.values()].some((other) => this.#isOpen(other))
  }

  #pickQueue(connection: AcceptedConnection): WorkerQueue {
    const owner = this.#table.owners[connection.slot] ?? 0
    if (this.#pick === undefined) return this.#queue(owner)
    const candidates = this.#candidates()
    return this.#queue(candidates.length === 0 ? owner : this.#pick(connection, owner, candidates))
  }

  #candidates(): Candidate[] {
    const open = [...this.#queues.values()].filter((queue) => this.#isOpen(queue))
    return open
      .map(({ worker, channel, sender, waiting }) => {
        const taken = channel === undefined ? 0 : this.#events.open(channel)
        return { worker, load: taken + waiting.length + (sender?.unacknowledged ?? 0) }
      })
      .sort((a, b) => a.worker - b.worker)
  }

  #isOpen({ worker, sender }: WorkerQueue): boolean {
    return sender !== undefined && this.#table.workers.includes(worker)
  }

  /** undefined where nothing more can be sent to the process. */
  #queueOf(channel: WorkerChannel): WorkerQueue | undefined {
    const link = this.#links.get(channel)
    return link?.queue.sender === link?.sender ? link?.queue : undefined
  }

  #queue(worker: number): WorkerQueue {
    let queue = this.#queues.get(worker)
    if (queue === undefined) {
      queue = {
        worker,
        channel: undefined,
        sender: undefined,
        waiting: [],
        downSince: this.#world.now(),
        resting: undefined,
      }
      this.#queues.set(worker, queue)
    }
    return queue
  }
}
