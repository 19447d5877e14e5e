// The primary of a cluster that the application itself runs: the application's server listens, and the application forks
// the workers. Connections and sessions are steered as in the balancer; the worker processes are not supervised.
import type { ChildProcess } from 'node:child_process'
import cluster, { type Worker } from 'node:cluster'
import type { Server } from 'node:net'
import { Ownership } from '../slots/ownership.ts'
import { PeerDirectory } from '../primary/peer-directory.ts'
import { TicketKeys } from '../primary/ticket-keys.ts'
import { protocolMismatch, type Address, type Registration } from '../ipc/messages.ts'
import type { Settings } from '../options/settings.ts'
import { MAX_WORKERS } from '../slots/slot-table.ts'
import type { AcceptFunction } from '../steering/accept.ts'
import { countingOption } from '../steering/handoff/connection-limits.ts'
import { Handoff } from '../steering/handoff/handoff.ts'
import { takeOver, type TcpListener } from '../steering/listener.ts'
import { nodeIpc } from '../transport/node-ipc.ts'
import { watchChildEnd } from '../supervisor/child-end.ts'
import { realWorld } from '../world.ts'
import { Guest } from './guest.ts'
import { removeLeftBehind } from './left-behind.ts'

/** Milliseconds between two checks for stuck workers. */
const CHECK_INTERVAL = 1_000

const transport = nodeIpc(realWorld, { isShared: true })

export class ClusterPrimary {
  readonly settings: Settings
  readonly #servers = new Set<Server>()
  readonly #guests = new Map<ChildProcess, Guest>()
  readonly #ownership: Ownership
  readonly #handoff: Handoff
  readonly #directory: PeerDirectory
  readonly #ticketKeys: TicketKeys
  #accept: AcceptFunction | undefined
  #address: Address | undefined

  constructor(settings: Settings) {
    this.settings = settings
    this.#ownership = new Ownership(1, {
      serves: (id) => this.#all.some((guest) => guest.id === id && guest.serves),
      moved: (table) => this.#handoff.assign(table),
    })
    const events = { onOverdue: (id: number) => this.#ownership.failOver(id) }
    this.#handoff = new Handoff(
      settings,
      this.#ownership.table,
      events,
      async (_target, accept) => {
        this.#accept = accept
        return noListener
      },
      realWorld,
    )
    this.#ticketKeys = new TicketKeys(realWorld, settings.ticketRotation, () => this.#all)
    this.#directory = new PeerDirectory(realWorld, {
      processes: () => this.#all,
      owners: () => [...this.#ownership.table.owners],
      transfer: (channel, handle, metadata) => this.#handoff.transfer(channel, handle, metadata),
    })
  }

  /** Watches the cluster's workers. The workers get connections as soon as a server listens. */
  open(): void {
    cluster.on('fork', (worker) => this.#watch(worker))
    for (const worker of Object.values(cluster.workers ?? {})) if (worker !== undefined) this.#watch(worker)
    // The servers of the application listen wherever the application says.
    void this.#handoff.open({ id: 0, target: { port: 0, host: undefined }, isBehindProxy: false })
    setInterval(() => this.#checkForStuckWorkers(performance.now()), CHECK_INTERVAL).unref()
    process.once('exit', () => this.#directory.close())
    void removeLeftBehind()
  }

  get #all(): Guest[] {
    return [...this.#guests.values()]
  }

  /** The connections of the server go to the workers. A second call for a server changes nothing. */
  add(server: Server): void {
    if (this.#servers.has(server)) return
    this.#servers.add(server)
    // The application may call listen() again after close().
    server.on('listening', () => this.#take(server))
    if (server.listening) this.#take(server)
  }

  #take(server: Server): void {
    if (this.#accept === undefined) throw new Error('the cluster is not watched yet')
    const { address } = takeOver(server, this.#accept)
    this.#address = address
    this.settings.logger.info('cluster.listening', { ...address, balance: this.settings.balance })
    for (const guest of this.#all) this.#register(guest)
  }

  #watch(worker: Worker): void {
    const { process: child } = worker
    if (this.#guests.has(child)) return
    const guest = new Guest(worker)
    this.#guests.set(child, guest)
    const { channel } = guest
    channel.on('register', ({ version }) => this.#onRegister(guest, version))
    channel.on('ready', () => this.#ready(guest))
    channel.on('leaving', ({ reason }) => this.#leave(guest, reason))
    // The worker leaves before its channel closes: a handle that arrives later crashes Node in the worker (20 to 26).
    whenAskedToDisconnect(worker, () => this.#leave(guest, 'disconnect()'))
    child.once('disconnect', () => this.#leave(guest, 'its channel is closed'))
    // The application has its own listener for 'error'.
    watchChildEnd(child, realWorld, { failed() {}, ended: () => this.#gone(guest) })
  }

  #onRegister(guest: Guest, version: number): void {
    if (!guest.enabled) return
    const mismatch = protocolMismatch(version)
    if (mismatch !== undefined) return this.#refuse(guest, mismatch)
    guest.isWaiting = true
    this.#register(guest)
  }

  /** Answers a worker's request for a registration as soon as the server has an address. */
  #register(guest: Guest): void {
    if (!guest.isWaiting || this.#address === undefined) return
    guest.isWaiting = false
    guest.registration ??= this.#newRegistration(guest, this.#address)
    if (guest.registration === undefined) return this.#refuse(guest, `${MAX_WORKERS} workers are there already`)
    guest.send({ type: 'registered', registration: guest.registration })
  }

  #newRegistration(guest: Guest, address: Address): Registration | undefined {
    const usedIds = new Set(this.#all.filter(({ enabled }) => enabled).map(({ id }) => id))
    const id = Array.from({ length: MAX_WORKERS }, (_, n) => n).find((n) => !usedIds.has(n))
    if (id === undefined) return undefined
    const instance = this.#directory.newInstance()
    this.#directory.started(guest.channel, instance)
    const { folder } = this.#directory
    const countEnds = countingOption(this.settings) !== undefined
    return { id, address, transport: 'node-ipc', countEnds, instance, folder }
  }

  #refuse(guest: Guest, reason: string): void {
    guest.enabled = false
    this.settings.logger.error('cluster.refused', { worker: guest.name, pid: guest.pid, reason })
  }

  #ready(guest: Guest): void {
    if (guest.attached || guest.registration === undefined) return
    const { channel, name, id, pid } = guest
    guest.attached = true
    this.#ticketKeys.give(guest)
    this.#handoff.serve(channel, 0)
    this.#handoff.attach(id, channel, transport.endpoint())
    this.#ownership.restore(id)
    this.#directory.changed()
    this.settings.logger.info('cluster.join', { worker: name, pid })
  }

  #leave(guest: Guest, reason: string): void {
    if (!guest.enabled) return
    guest.enabled = false
    if (!guest.attached) return
    const { channel, name, id, pid } = guest
    this.#handoff.retire(channel)
    this.#ownership.failOver(id)
    this.#directory.changed()
    this.settings.logger.info('cluster.leave', { worker: name, pid, reason })
  }

  #gone(guest: Guest): void {
    const { channel } = guest
    if (!this.#guests.delete(channel.child)) return
    this.#leave(guest, 'it has ended')
    this.#handoff.detach(channel)
    this.#directory.ended(channel)
  }

  /** A stuck worker gets no new connections until it answers. The application decides whether to end the process. */
  #checkForStuckWorkers(now: number): void {
    for (const guest of this.#all.filter(({ attached, enabled }) => attached && enabled)) {
      const { channel, name, id, pid } = guest
      const silence = this.#handoff.silence(channel, now)
      const isStuck = silence > this.settings.limits.holdTimeout
      if (isStuck === guest.isStuck) continue
      guest.isStuck = isStuck
      if (isStuck) this.#ownership.failOver(id)
      else this.#ownership.restore(id)
      this.settings.logger.warn('cluster.stuck', { worker: name, pid, stuck: isStuck, silence })
    }
  }
}

/** The application opens and closes its servers itself. */
const noListener: TcpListener = {
  address: { address: '::', family: 'IPv6', port: 0 },
  pause: () => false,
  resume() {},
  close: () => Promise.resolve(),
}

/** Calls `leave` when disconnect() is called, in the primary or in the worker: node:cluster sets this property first. */
function whenAskedToDisconnect(worker: Worker, leave: () => void): void {
  let isAsked = worker.exitedAfterDisconnect
  Object.defineProperty(worker, 'exitedAfterDisconnect', {
    get: () => isAsked,
    set(value: boolean) {
      isAsked = value
      if (value) leave()
    },
  })
}
