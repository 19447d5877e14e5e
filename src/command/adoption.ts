// Which server of the program gets the connections of the balancer's port: the first one that has listeners for
// connections and still listens when the program has heard of 'listening'. Where the program closes it, the next one.
import type { Server } from 'node:net'
import type { Address } from '../ipc/messages.ts'
import { misuse, show } from '../options/reader.ts'
import type { Settings } from '../options/settings.ts'
import type { ListenArguments } from '../serving/attach.ts'
import type { Claim } from '../worker/claims.ts'
import type { ProgramLife } from '../worker/join.ts'
import type { Worker } from '../worker/worker.ts'
import { AdoptedServer } from './adopted-server.ts'
import { includesAddress, overlaps, type Range } from './listen-address.ts'
import { interceptOpenSocket, isIPv6Only } from './open-socket.ts'

export class Adoption {
  readonly #settings: Settings
  readonly #balancer: Address
  readonly #start: () => Worker
  readonly #onChange: () => void
  /** The program's servers that listen on the port, and where the program wants each to listen. */
  readonly #listening = new Map<AdoptedServer, Address & Range>()
  #claim: Claim | undefined
  /** The one that gets the connections. */
  #adopted: AdoptedServer | undefined
  #hasBegun = false
  /** The hosts that the program has named, by server. */
  readonly #hosts = new WeakMap<Server, string>()

  /**
   * @param balancer - where the balancer listens
   * @param start - starts the worker, or returns the one that runs
   * @param onChange - called when {@link isNeeded} may have changed
   */
  constructor(settings: Settings, balancer: Address, start: () => Worker, onChange: () => void) {
    this.#onChange = onChange
    this.#settings = settings
    this.#balancer = balancer
    this.#start = start
  }

  /** Whether a server of the program has ever been adopted. */
  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** The program calls `listen()` with this host next. */
  named(server: Server, host: string | undefined): void {
    if (host === undefined) this.#hosts.delete(server)
    else this.#hosts.set(server, host)
  }

  /** Adopts servers from now on. */
  intercept(): void {
    interceptOpenSocket((server, args, open) => {
      if (args[1] !== this.#balancer.port || server._handle) return false
      this.#listen(server, args, open)
      return true
    })
  }

  #listen(server: Server, args: ListenArguments, open: () => void): void {
    const [host, port, family] = args
    const address = host === null ? this.#everyAddress() : { address: host, family: familyOf(family), port }
    const range = { ...address, ipv6Only: isIPv6Only(args) }
    const isTaken = [...this.#listening.values()].some((other) => overlaps(other, range))
    const adopted = new AdoptedServer(server, address, isTaken, {
      onClose: (closed) => this.#closed(closed),
      onReference: this.#onChange,
    })
    if (!isTaken) this.#listening.set(adopted, range)
    open()
    if (isTaken) return
    this.#onChange()
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
    if (candidate.isClosed || candidate === this.#adopted) return
    const address = this.#listening.get(candidate)
    const { server } = candidate
    if (address === undefined) return
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
    const { program } = this.#start()
    if (program.isDraining) return
    this.#adopted = candidate
    if (this.#hasBegun) {
      const { address: host, family, port } = address
      const hint = 'the program has closed the server before'
      this.#settings.logger.info('command.adopted', { address: host, family, port, hint })
    }
    this.#hasBegun = true
    this.#serve(candidate, program).catch((error: unknown) => server.emit('error', error))
    this.#onChange()
  }

  async #serve(candidate: AdoptedServer, program: ProgramLife): Promise<void> {
    this.#claim = await program.claims.claim({ port: this.#balancer.port, host: this.#settings.host })
    if (!candidate.isClosed) await program.serve(candidate.server, this.#claim)
  }

  #closed(closed: AdoptedServer): void {
    this.#listening.delete(closed)
    if (closed === this.#adopted) {
      this.#adopted = undefined
      this.#start().program.hold(this.#claim?.id ?? 0, this.#settings.limits.holdTimeout)
      for (const other of this.#listening.keys()) {
        if (this.#isReachable(other)) other.whenServing(() => this.#adopt(other))
      }
    }
    this.#onChange()
  }

  /** Whether the address of the balancer is one that the program wants the server to be reached at. */
  #isReachable(candidate: AdoptedServer): boolean {
    const host = this.#hosts.get(candidate.server) ?? this.#listening.get(candidate)?.address
    return includesAddress(host, this.#balancer.address)
  }

  /** Whether a server that listens keeps the process running, as alone. */
  get isNeeded(): boolean {
    return [...this.#listening.keys()].some(({ isReferenced }) => isReferenced)
  }
}

function familyOf(version: number | null): Address['family'] {
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
