// The processes that have sessions, as the primary last reported them, and which of them a request belongs to.
import { firstFound, identityText, ownerIn, SID_RANDOM, sessionId, type ProcessIdentity } from '../affinity/session.ts'
import type { Peer } from '../ipc/messages.ts'
import type { SessionRequest, SessionRule } from '../options/options.ts'
import { fingerprint32, slotOf } from '../slots/hash.ts'
import type { World } from '../world.ts'
import { LookupCache, type Connection } from './lookup-cache.ts'

/**
 * The process that has a request's session.
 *
 * - a {@link Peer}: another process
 * - `self`: this process
 * - `none`: no process; any may serve the request
 * - `unavailable`: a worker that has no running process now, and will have one
 */
export type Owner = Peer | 'self' | 'none' | 'unavailable'

/** A request that waits until its owner is available. */
interface WaitingRequest {
  request: SessionRequest
  addressWorker: number | undefined
  resolve: (owner: Exclude<Owner, 'unavailable'>) => void
}

/** Session keys for which the owner is remembered. */
const MAX_KEYS = 4_096

/** Characters. Longer keys are not remembered, because clients choose them. */
const MAX_KEY = 256

export class Peers {
  readonly #rules: readonly SessionRule[]
  readonly #self: ProcessIdentity
  readonly #holdTimeout: number
  readonly #world: Pick<World, 'setTimeout' | 'clearTimeout' | 'randomBytes'>
  readonly #waiting = new Set<WaitingRequest>()
  #byInstance = new Map<number, Peer>()
  /** The process of each worker that does not drain. */
  #byWorker = new Map<number, Peer>()
  /** The worker of each slot. */
  #slotOwners: readonly number[] = []
  readonly #ownersByKey = new Map<string, Owner>()
  readonly #cache = new LookupCache<Owner>()

  /**
   * @param rules - find the session of a request; rules that are added to the array later count too
   * @param self - this process; its worker id is read at each use, because a standby gets another one
   * @param holdTimeout - milliseconds for which a request waits for a worker that is unavailable
   */
  constructor(
    rules: readonly SessionRule[],
    self: ProcessIdentity,
    holdTimeout: number,
    world: Pick<World, 'setTimeout' | 'clearTimeout' | 'randomBytes'>,
  ) {
    this.#rules = rules
    this.#self = self
    this.#holdTimeout = holdTimeout
    this.#world = world
  }

  /**
   * Replaces everything that is known. Waiting requests are routed where their worker is back.
   *
   * @param peers - the processes with a peer socket, this one among them
   * @param slotOwners - the worker id of each of the 256 slots
   */
  update(peers: readonly Peer[], slotOwners: readonly number[]): void {
    this.#byInstance = new Map(peers.map((peer) => [peer.instance, peer]))
    this.#byWorker = new Map(peers.filter(({ draining }) => !draining).map((peer) => [peer.worker, peer]))
    this.#slotOwners = slotOwners
    this.#clearCaches()
    for (const { request, addressWorker, resolve } of this.#waiting) {
      const owner = this.ownerOf(request, addressWorker)
      if (owner !== 'unavailable') resolve(owner)
    }
  }

  /** Removes a process that cannot be reached, before the primary reports its end. */
  remove({ instance, worker }: Peer): void {
    this.#byInstance.delete(instance)
    if (this.#byWorker.get(worker)?.instance === instance) this.#byWorker.delete(worker)
    this.#clearCaches()
  }

  /**
   * @param addressWorker - where another worker transferred the connection: the id of the worker that the client's address
   *   leads to, which serves the requests of no session
   */
  ownerOf(request: SessionRequest, addressWorker?: number): Owner {
    const owner = firstFound(request, this.#rules, this.#lookUp, rememberingSocket(request)) ?? 'none'
    if (owner !== 'none' || addressWorker === undefined) return owner
    const worker = this.#processOf(addressWorker)
    return worker === 'self' ? 'none' : worker
  }

  readonly #lookUp = (rule: SessionRule, text: string | number, connection: Connection | undefined) =>
    typeof text === 'number' ? this.#find(rule, text) : this.#cache.lookUp(connection, rule, text, this.#find)

  readonly #find = (rule: SessionRule, text: string | number): Owner | undefined => {
    const owner = ownerIn(rule, text, this.#isAlive)
    if (owner === undefined) return undefined
    if (owner.type === 'worker') return this.#processOf(owner.worker)
    if (owner.type === 'key') return this.#ownersByKey.get(owner.key) ?? this.#findByKey(owner.key)
    if (owner.identity.instance === this.#self.instance) return 'self'
    // A process that has ended, or an id that no process has made: the application gives its usual answer.
    return this.#byInstance.get(owner.identity.instance) ?? 'none'
  }

  readonly #isAlive = ({ instance }: ProcessIdentity): boolean =>
    instance === this.#self.instance || this.#byInstance.has(instance)

  /**
   * Calls back when the owner of the request is known: when its worker is back, when its slots have another owner, or with
   * 'none' after the hold timeout.
   *
   * @param addressWorker - as for {@link ownerOf}
   */
  waitForOwner(request: SessionRequest, addressWorker: number | undefined, onOwner: WaitingRequest['resolve']): void {
    const waiting: WaitingRequest = {
      request,
      addressWorker,
      resolve: (owner) => {
        this.#world.clearTimeout(timer)
        this.#waiting.delete(waiting)
        onOwner(owner)
      },
    }
    this.#waiting.add(waiting)
    const timer = this.#world.setTimeout(() => waiting.resolve('none'), this.#holdTimeout)
  }

  #processOf(worker: number): Owner {
    const peer = this.#byWorker.get(worker)
    if (peer !== undefined) return peer.instance === this.#self.instance ? 'self' : peer
    // A worker without slots does not come back.
    return this.#slotOwners.includes(worker) ? 'unavailable' : 'none'
  }

  #findByKey(key: string): Owner {
    const bytes = Buffer.from(key)
    const owner = this.#processOf(this.#slotOwners[slotOf(fingerprint32(bytes))] ?? -1)
    if (key.length > MAX_KEY) return owner
    if (this.#ownersByKey.size >= MAX_KEYS) this.#ownersByKey.clear()
    // A copy: the key may be a piece of a longer text, which would stay in memory as long as the piece.
    this.#ownersByKey.set(bytes.toString(), owner)
    return owner
  }

  #clearCaches(): void {
    this.#ownersByKey.clear()
    this.#cache.clear()
  }

  /** Creates the id of a new Socket.IO session of this process, with random bytes that cannot be guessed. */
  createSessionId(): string {
    return sessionId(this.#self, this.#world.randomBytes(SID_RANDOM))
  }

  /** The identity of this process, as the value of the affinity cookie. */
  get identity(): string {
    return identityText(this.#self)
  }
}

/**
 * The socket on which a request's lookup is remembered. There is none in HTTP/2, where many streams share a socket, nor for
 * an upgrade, which is the last request on its socket.
 */
function rememberingSocket(request: SessionRequest & NodeRequest): Connection | undefined {
  const { httpVersionMajor, upgrade, socket } = request
  return httpVersionMajor === 1 && upgrade !== true ? socket : undefined
}

/** What Node's requests have besides the fields that session rules may use. */
interface NodeRequest {
  httpVersionMajor?: number
  upgrade?: boolean | null
  socket?: Connection
}
