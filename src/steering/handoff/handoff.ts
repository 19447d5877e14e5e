// Hand-off: the primary accepts, hashes the client's address and passes the socket to the slot's owner.
import { UntilEmpty } from '../../async/drained.ts'
import type { WorkerChannel } from '../../ipc/channel.ts'
import { bytesKey } from '../../affinity/address.ts'
import type { Address } from '../../ipc/messages.ts'
import type { Settings } from '../../options/settings.ts'
import { slotOfKey } from '../../slots/hash.ts'
import type { SlotTable } from '../../slots/slot-table.ts'
import type { TcpHandle } from '../../native/tcp-handle.ts'
import type { AcceptedConnection, Endpoint } from '../../transport/transport.ts'
import { transferredConnection, type IncomingConnection } from '../connection.ts'
import { ConnectionLimits, countingOption } from './connection-limits.ts'
import { headroom } from './headroom.ts'
import { WorkerQueues } from './worker-queues.ts'
import type { Listen, Listener } from '../listener.ts'
import { heavyReport, picking, type PickEvents } from './picking.ts'
import { ProxyGate, type GateEvents } from './proxy-gate.ts'
import { lookPeriod, newCounters, type CloseReason, type Steering, type SteeringEvents } from '../steering.ts'
import type { World } from '../../world.ts'

/** How often a primary that stopped accepting looks for descriptors, in milliseconds. */
const RESUME_CHECK = 100

export class Handoff implements Steering {
  readonly name = 'handoff'
  readonly counters = newCounters()

  readonly #settings: Settings
  readonly #listen: Listen
  readonly #world: World
  readonly #queues: WorkerQueues
  readonly #connectionLimits: ConnectionLimits<WorkerChannel> | undefined
  readonly #headroom = headroom()
  readonly #gate: ProxyGate | undefined
  #listener: Listener | undefined
  #paused: NodeJS.Timeout | undefined
  #pending = 0
  #watch: NodeJS.Timeout | undefined
  readonly #drained: UntilEmpty

  /** @param listen - opens the port */
  constructor(settings: Settings, table: SlotTable, events: SteeringEvents, listen: Listen, world: World) {
    const { limits } = settings
    this.#settings = settings
    this.#listen = listen
    this.#world = world
    this.#drained = new UntilEmpty(() => this.pending, world)
    this.#connectionLimits = countingOption(settings) === undefined ? undefined : new ConnectionLimits(limits)
    if (settings.proxyProtocol !== undefined) {
      const gateEvents: GateEvents = {
        passed: (incoming, address) => {
          this.#admit(incoming, address)
          this.#drained.check()
        },
        refused: (incoming, reason) => {
          this.#refuse(incoming, reason)
          this.#drained.check()
        },
      }
      this.#gate = new ProxyGate(settings.proxyProtocol, settings.logger, gateEvents, world)
    }
    const queueEvents = {
      ...events,
      open: (channel: WorkerChannel) => this.#connectionLimits?.servedBy(channel) ?? 0,
      taken: (channel: WorkerChannel, connections: readonly AcceptedConnection[]) => this.#taken(channel, connections),
      dropped: (connection: AcceptedConnection, reason: CloseReason) => this.#dropped(connection, reason),
      again: (connections: number) => void (this.counters.redispatched += connections),
    }
    const pickEvents: PickEvents = {
      openOf: (key) => this.#connectionLimits?.openOf(key) ?? 0,
      spilled: () => void this.counters.spilled++,
      heavy: heavyReport(settings.logger, world),
    }
    this.#queues = new WorkerQueues(settings, table, queueEvents, world, picking(settings, pickEvents, world))
  }

  get pending(): number {
    return this.#pending + (this.#gate?.waiting ?? 0)
  }

  pendingOf(worker: number): number {
    return this.#queues.pendingOf(worker)
  }

  async open(): Promise<Address> {
    this.#listener = await this.#listen(this.#accept)
    const look = (): void => this.#queues.look(this.#world.now())
    this.#watch = this.#world.setInterval(look, lookPeriod(this.#settings)).unref()
    return this.#listener.address
  }

  assign(table: SlotTable): void {
    this.#queues.assign(table)
  }

  attach(worker: number, channel: WorkerChannel, endpoint: Endpoint): void {
    if (this.#connectionLimits !== undefined) {
      channel.on('connections-ended', ({ seqs }) => this.#connectionLimits?.ended(channel, seqs))
    }
    this.#queues.attach(worker, channel, endpoint)
  }

  pass(channel: WorkerChannel | undefined, handle: TcpHandle, metadata: Buffer): void {
    const connection = transferredConnection(channel, handle, metadata, this.#settings.affinity, this.#world.now())
    this.counters.moved++
    if (this.#pending >= this.#settings.limits.maxPending) return this.#refuse(connection, 'pending-full')
    this.#connectionLimits?.enter(connection.key)
    this.#pending++
    this.#queues.dispatch(connection)
  }

  retire(channel: WorkerChannel): void {
    this.#queues.retire(channel)
  }

  detach(channel: WorkerChannel): void {
    this.#queues.detach(channel)
    this.#connectionLimits?.gone(channel)
  }

  silence(channel: WorkerChannel, now: number): number {
    return this.#queues.silence(channel, now)
  }

  async closeListener(): Promise<void> {
    this.#world.clearInterval(this.#paused)
    await this.#listener?.close()
  }

  async drained(deadline: number): Promise<void> {
    await this.#drained.wait(deadline)
  }

  close(): void {
    this.#world.clearInterval(this.#watch)
    this.#gate?.close()
    this.#queues.close()
  }

  readonly #accept = (incoming: IncomingConnection, address: Buffer | undefined): void => {
    this.counters.accepted++
    if (address === undefined) return this.#refuse(incoming, 'no-address')
    if (this.#headroom.isLow(incoming.fd) && !this.#pause()) return this.#refuse(incoming, 'descriptors')
    if (this.#gate === undefined) this.#admit(incoming, address)
    else this.#gate.enter(incoming, address)
  }

  /** @param address - of the client */
  #admit(incoming: IncomingConnection, address: Buffer): void {
    const { affinity, limits } = this.#settings
    if (this.#pending >= limits.maxPending) return this.#refuse(incoming, 'pending-full')
    const key = bytesKey(address, affinity)
    if (this.#connectionLimits !== undefined) {
      incoming.key = key.toString('hex')
      const reason = this.#connectionLimits.admit(incoming.key)
      if (reason !== undefined) return this.#refuse(incoming, reason)
    }
    this.#pending++
    incoming.slot = slotOfKey(key, affinity.seed)
    incoming.acceptedAt = this.#world.now()
    this.#queues.dispatch(incoming)
  }

  /** Leaves new connections in the kernel until there are descriptors again. @returns false where it can not */
  #pause(): boolean {
    if (this.#paused !== undefined) return true
    if (this.#listener?.pause() !== true) return false
    this.counters.pauses++
    this.#settings.logger.warn('accept.paused', { reason: 'few descriptors left', pending: this.#pending })
    this.#paused = this.#world.setInterval(() => {
      if (!this.#headroom.isBack()) return
      this.#world.clearInterval(this.#paused)
      this.#paused = undefined
      this.#settings.logger.info('accept.resumed', { pending: this.#pending })
      this.#listener?.resume()
    }, RESUME_CHECK)
    return true
  }

  #taken(channel: WorkerChannel, connections: readonly AcceptedConnection[]): void {
    this.counters.handedOff += connections.length
    for (const connection of connections) {
      this.#connectionLimits?.taken(channel, connection.seq, connection.key)
      connection.close()
    }
    this.#forget(connections.length)
  }

  #dropped(connection: AcceptedConnection, reason: CloseReason): void {
    this.#connectionLimits?.release(connection.key)
    this.#refuse(connection, reason)
    this.#forget(1)
  }

  #forget(connections: number): void {
    this.#pending -= connections
    this.#drained.check()
  }

  #refuse(connection: AcceptedConnection, reason: CloseReason): void {
    this.counters.closed[reason]++
    connection.close()
  }
}
