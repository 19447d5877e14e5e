// Which server of the program gets the connections of the balancer's port: the first one that has listeners for
// connections and still listens when the program has heard of 'listening'. Where the program closes it, the next one.
import { Server } from 'node:net'
import type { Address } from '../ipc/messages.ts'
import { misuse, show } from '../options/reader.ts'
import type { Settings } from '../options/settings.ts'
import type { ServerInside } from '../serving/attach.ts'
import type { Worker } from '../worker/worker.ts'
import { AdoptedServer } from './adopted-server.ts'
import { includesAddress, overlaps, type Range } from './listen-address.ts'

/** Node's own code behind `listen()`, which opens the socket. */
type OpenSocket = NonNullable<ServerInside['_listen2']>

/** The flag of libuv by which `::` includes no addresses of IPv4. */
const IPV6_ONLY = 1

export class Adoption {
  readonly #settings: Settings
  readonly #balancer: Address
  readonly #start: (server: Server) => Worker
  /** The program's servers that listen on the port. */
  readonly #listening = new Map<AdoptedServer, Range>()
  /** The one that gets the connections. */
  #adopted: AdoptedServer | undefined
  #worker: Worker | undefined
  /** The hosts that the program has named, by server. */
  readonly #hosts = new WeakMap<Server, string>()

  /**
   * @param balancer - where the balancer listens
   * @param start - starts the worker with the first server that is adopted
   */
  constructor(settings: Settings, balancer: Address, start: (server: Server) => Worker) {
    this.#settings = settings
    this.#balancer = balancer
    this.#start = start
  }

  /** Whether a server of the program has ever been adopted. */
  get hasBegun(): boolean {
    return this.#worker !== undefined
  }

  /** The program calls `listen()` with this host next. */
  named(server: Server, host: string | undefined): void {
    if (host === undefined) this.#hosts.delete(server)
    else this.#hosts.set(server, host)
  }

  /** Adopts servers from now on. */
  intercept(): void {
    const inside = Server.prototype as Server & ServerInside
    const openSocket = inside._listen2
    if (openSocket === undefined) return // an unknown Node: the program is told that the port is in use
    const intercept = (server: Server & ServerInside, ...args: Parameters<OpenSocket>): void => {
      if (args[1] === this.#balancer.port && !server._handle) this.#listen(server, openSocket, args)
      else Reflect.apply(openSocket, server, args)
    }
    inside._listen2 = function (this: Server & ServerInside, ...args) {
      intercept(this, ...args)
    }
  }

  #listen(server: Server, openSocket: OpenSocket, args: Parameters<OpenSocket>): void {
    const [host, port, family, , , flags] = args
    const address = host === null ? this.#everyAddress() : { address: host, family: familyOf(family), port }
    const range = { address: address.address, ipv6Only: ((flags ?? 0) & IPV6_ONLY) !== 0 }
    const isTaken = [...this.#listening.values()].some((other) => overlaps(other, range))
    const adopted = new AdoptedServer(server, address, isTaken, {
      onClose: (closed) => this.#closed(closed),
      onReference: () => this.#update(),
    })
    if (!isTaken) this.#listening.set(adopted, range)
    Reflect.apply(openSocket, server, args)
    if (isTaken) return
    this.#update()
    // A program that looks for a free port closes its server as soon as that listens.
    setImmediate(() => adopted.whenServing(() => this.#adopt(adopted)))
  }

  /** The address of a server without a host: that of the balancer, unless the balancer is on one address only. */
  #everyAddress(): Address {
    const { address, port } = this.#balancer
    if (address === '0.0.0.0') return this.#balancer
    return { address: '::', family: 'IPv6', port }
  }

  #adopt(candidate: AdoptedServer): void {
    if (candidate.isClosed || candidate === this.#adopted || this.#worker?.program.isDraining === true) return
    const { address, server } = candidate
    if (this.#adopted !== undefined) {
      // Some programs listen on each address of localhost. The port belongs to the balancer, so only the first server
      // gets clients.
      const hint = 'the first server on this port gets the connections'
      this.#settings.logger.info('command.second-listen', { port: address.port, host: address.address, hint })
      return
    }
    if (!this.#isReachable(candidate)) {
      const host = this.#hosts.get(server) ?? address.address
      server.emit('error', wrongHost(host, this.#balancer.address))
      return
    }
    this.#adopted = candidate
    if (this.#worker === undefined) {
      this.#worker = this.#start(server)
      this.#worker.ready.catch((error: unknown) => server.emit('error', error))
    } else {
      this.#settings.logger.info('command.adopted', { ...address, hint: 'the program has closed the server before' })
      this.#worker.program.serve(server).catch((error: unknown) => server.emit('error', error))
    }
    this.#update()
  }

  #closed(closed: AdoptedServer): void {
    this.#listening.delete(closed)
    if (closed === this.#adopted) {
      this.#adopted = undefined
      this.#worker?.program.hold(this.#settings.limits.holdTimeout)
      for (const other of this.#listening.keys())
        if (this.#isReachable(other)) other.whenServing(() => this.#adopt(other))
    }
    this.#update()
  }

  /** Whether the address of the balancer is one that the program wants the server to be reached at. */
  #isReachable({ server, address }: AdoptedServer): boolean {
    return includesAddress(this.#hosts.get(server) ?? address.address, this.#balancer.address)
  }

  /** A server that listens keeps the process running, as alone. */
  #update(): void {
    this.#worker?.program.setNeeded([...this.#listening.keys()].some(({ isReferenced }) => isReferenced))
  }
}

function familyOf(version: number): Address['family'] {
  return version === 4 ? 'IPv4' : 'IPv6'
}

/**
 * A program that listens on 127.0.0.1 must not become reachable from other machines.
 *
 * @returns RangeError with code HOLDFAST_BAD_OPTION
 */
function wrongHost(host: string, balancer: string): Error {
  const expected = `the program to listen on the address of the balancer, ${balancer}`
  return misuse(RangeError, `holdfast: expected ${expected}, got ${show(host)}; write --host ${host}`)
}
