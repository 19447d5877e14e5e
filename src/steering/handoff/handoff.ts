// Hand-off: the primary accepts each connection, hashes the client's address, and sends the socket to the slot's owner.
import { bytesKey } from '../../affinity/address.ts'
import { UntilEmpty } from '../../async/waiting.ts'
import type { WorkerChannel } from '../../ipc/channel.ts'
import type { Address } from '../../ipc/messages.ts'
import type { TcpHandle } from '../../native/tcp-handle.ts'
import type { Settings } from '../../options/settings.ts'
import { slotOfKey } from '../../slots/hash.ts'
import type { SlotTable } from '../../slots/slot-table.ts'
import type { AcceptedConnection, Endpoint } from '../../transport/transport.ts'
import type { World } from '../../world.ts'
import { transferredConnection, type IncomingConnection } from '../connection.ts'
import type { Listen, Listener } from '../listener.ts'
import { checkPeriod, newCounters, type CloseReason, type Steering, type SteeringEvents } from '../steering.ts'
import { ConnectionLimits, countingOption } from './connection-limits.ts'
import { headroom } from './headroom.ts'
import { heavyReport, picking, type PickEvents } from './picking.ts'
import { ProxyGate, type GateEvents } from './proxy-gate.ts'
import { WorkerQueues, type WorkerQueueEvents } from './worker-queues.ts'

/** Milliseconds between two checks for descriptors, while the primary does not accept because it had few left. */
const RESUME_CHECK_PERIOD = 100

export class Handoff implements Steering {
  readonly name = 'handoff'
  readonly counters = newCounters()

  readonly #settings: Settings
  readonly #listen: Listen
  readonly #world: World
  readonly #queues: WorkerQueues
  /** Undefined where no option needs open connections to be counted. */
  readonly #connectionLimits: ConnectionLimits<WorkerChannel> | undefined
  readonly #headroom = headroom()
  /** Undefined without the PROXY protocol. */
  readonly #gate: ProxyGate | undefined
  readonly #drained: UntilEmpty
  #listener: Listener | undefined
  /** Set while the primary does not accept because it had few descriptors left. */
  #resumeTimer: NodeJS.Timeout | undefined
  /** Connections that have passed the gate and that no worker has acknowledged. */
  #dispatched = 0
  #checkTimer: NodeJS.Timeout | undefined

  /** @param listen - opens the port */
  constructor(settings: Settings, table: SlotTable, events: SteeringEvents, listen: Listen, world: World) {
    this.#settings = settings
    this.#listen = listen
    this.#world = world
    this.#drained = new UntilEmpty(() => this.pending, world)
    if (countingOption(settings) !== undefined) this.#connectionLimits = new ConnectionLimits(settings.limits)
    if (settings.proxyProtocol !== undefined) {
      this.#gate = new ProxyGate(settings.proxyProtocol, settings.logger, this.#gateEvents(), world)
    }
    const pickEvents: PickEvents = {
      openOf: (key) => this.#connectionLimits?.openOf(key) ?? 0,
      onSpilled: () => void this.counters.spilled++,
      onHeavy: heavyReport(settings.logger, world),
    }
    const queueEvents: WorkerQueueEvents = {
      ...events,
      openConnections: (channel) => this.#connectionLimits?.servedBy(channel) ?? 0,
      onAcknowledged: (channel, connections) => this.#acknowledged(channel, connections),
      onDropped: (connection, reason) => this.#dropped(connection, reason),
      onRedispatched: (count) => void (this.counters.redispatched += count),
    }
    this.#queues = new WorkerQueues(settings, table, queueEvents, world, picking(settings, pickEvents, world))
  }

  get pending(): number {
    return this.#dispatched + (this.#gate?.waiting ?? 0)
  }

  pendingOf(worker: number): number {
    return this.#queues.pendingOf(worker)
  }

  async open(): Promise<Address> {
    this.#listener = await this.#listen(this.#accept)
    const check = (): void => this.#queues.checkTimeouts(this.#world.now())
    this.#checkTimer = this.#world.setInterval(check, checkPeriod(this.#settings)).unref()
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

  transfer(channel: WorkerChannel | undefined, handle: TcpHandle, metadata: Buffer): void {
    const { affinity, limits } = this.#settings
    const connection = transferredConnection(channel, handle, metadata, affinity, this.#world.now())
    this.counters.moved++
    if (this.#dispatched >= limits.maxPending) return this.#close(connection, 'pending-full')
    this.#connectionLimits?.readmit(connection.key)
    this.#dispatched++
    this.#queues.dispatch(connection)
  }

  retire(channel: WorkerChannel): void {
    this.#queues.retire(channel)
  }

  detach(channel: WorkerChannel): void {
    this.#queues.detach(channel)
    this.#connectionLimits?.processEnded(channel)
  }

  silence(channel: WorkerChannel, now: number): number {
    return this.#queues.silence(channel, now)
  }

  async closeListener(): Promise<void> {
    this.#world.clearInterval(this.#resumeTimer)
    await this.#listener?.close()
  }

  async drained(deadline: number): Promise<void> {
    await this.#drained.wait(deadline)
  }

  close(): void {
    this.#world.clearInterval(this.#checkTimer)
    this.#gate?.close()
    this.#queues.close()
  }

  readonly #accept = (connection: IncomingConnection, peer: Buffer | undefined): void => {
    this.counters.accepted++
    if (peer === undefined) return this.#close(connection, 'no-address')
    if (this.#headroom.isLow(connection.fd) && !this.#pause()) return this.#close(connection, 'descriptors')
    if (this.#gate === undefined) this.#admit(connection, peer)
    else this.#gate.enter(connection, peer)
  }

  #gateEvents(): GateEvents {
    return {
      onPassed: (connection, address) => {
        this.#admit(connection, address)
        this.#drained.check()
      },
      onRefused: (connection, reason) => {
        this.#close(connection, reason)
        this.#drained.check()
      },
    }
  }

  /** @param address - of the client */
  #admit(connection: IncomingConnection, address: Buffer): void {
    const { affinity, limits } = this.#settings
    if (this.#dispatched >= limits.maxPending) return this.#close(connection, 'pending-full')
    const key = bytesKey(address, affinity)
    if (this.#connectionLimits !== undefined) {
      connection.key = key.toString('hex')
      const reason = this.#connectionLimits.admit(connection.key)
      if (reason !== undefined) return this.#close(connection, reason)
    }
    this.#dispatched++
    connection.slot = slotOfKey(key, affinity.seed)
    connection.acceptedAt = this.#world.now()
    this.#queues.dispatch(connection)
  }

  /** Leaves new connections in the kernel's queue until there are descriptors again. @returns false where it cannot */
  #pause(): boolean {
    if (this.#resumeTimer !== undefined) return true
    if (this.#listener?.pause() !== true) return false
    this.counters.pauses++
    this.#settings.logger.warn('accept.paused', { reason: 'few descriptors left', pending: this.#dispatched })
    this.#resumeTimer = this.#world.setInterval(() => {
      if (!this.#headroom.hasRecovered()) return
      this.#world.clearInterval(this.#resumeTimer)
      this.#resumeTimer = undefined
      this.#settings.logger.info('accept.resumed', { pending: this.#dispatched })
      this.#listener?.resume()
    }, RESUME_CHECK_PERIOD)
    return true
  }

  #acknowledged(channel: WorkerChannel, connections: readonly AcceptedConnection[]): void {
    this.counters.handedOff += connections.length
    for (const connection of connections) {
      this.#connectionLimits?.acknowledged(channel, connection.seq, connection.key)
      connection.close()
    }
    this.#dispatched -= connections.length
    this.#drained.check()
  }

  #dropped(connection: AcceptedConnection, reason: CloseReason): void {
    this.#connectionLimits?.release(connection.key)
    this.#close(connection, reason)
    this.#dispatched--
    this.#drained.check()
  }

  #close(connection: AcceptedConnection, reason: CloseReason): void {
    this.counters.closed[reason]++
    connection.close()
  }
}
