// The other workers, as far as a request may have to go to one of them.
import { firstFound, identityText, ownerIn, SID_RANDOM, sessionId, type ProcessIdentity } from '../affinity/session.ts'
import type { SessionRequest, SessionRule } from '../options/options.ts'
import type { Peer } from '../ipc/messages.ts'
import { fingerprint32, slotOf } from '../slots/hash.ts'
import type { World } from '../world.ts'
import { LastText, type Connection } from './lookup-cache.ts'

/** Whose a request is: this process's, that peer's, nobody's in particular, or of a worker that is away just now. */
export type Owner = 'mine' | 'free' | 'away' | Peer

interface Waiting {
  request: SessionRequest
  from: number | undefined
  done: (owner: Exclude<Owner, 'away'>) => void
}

/** Keys whose owner is remembered: those of connections that bring many. */
const KNOWN_KEYS = 4_096

/** Characters. Longer ones are not remembered: strangers choose them. */
const LONGEST_KEY = 256

export class Peers {
  readonly #rules: readonly SessionRule[]
  readonly #me: ProcessIdentity
  readonly #patience: number
  readonly #world: World
  readonly #waiting = new Set<Waiting>()
  #peers = new Map<number, Peer>()
  /** Process by worker: of several the one that is not draining. */
  #serving = new Map<number, Peer>()
  #owners: readonly number[] = []
  readonly #known = new Map<string, Owner>()
  readonly #last = new LastText<Owner>()

  /**
   * @param me - the object stays the caller's: a standby changes its worker
   * @param patience - milliseconds that a request waits for a worker that is away
   */
  constructor(rules: readonly SessionRule[], me: ProcessIdentity, patience: number, world: World) {
    this.#rules = rules
    this.#me = me
    this.#patience = patience
    this.#world = world
  }

  /** @param owners - worker by slot */
  update(peers: readonly Peer[], owners: readonly number[]): void {
    this.#peers = new Map(peers.map((peer) => [peer.instance, peer]))
    this.#serving = new Map(peers.filter(({ draining }) => !draining).map((peer) => [peer.worker, peer]))
    this.#owners = owners
    this.#forget()
    for (const waiting of this.#waiting) this.#retry(waiting)
  }

  /** That one can not be reached; the primary has not told of it yet. */
  lost({ instance, worker }: Peer): void {
    this.#peers.delete(instance)
    if (this.#serving.get(worker)?.instance === instance) this.#serving.delete(worker)
    this.#forget()
  }

  /** @param from - of a connection that came from another worker: who serves on it what is of no session */
  ownerOf(request: SessionRequest, from?: number): Owner {
    const owner = firstFound(request, this.#rules, this.#look, connectionOf(request)) ?? 'free'
    return owner === 'free' && from !== undefined ? this.#home(from) : owner
  }

  readonly #look = (rule: SessionRule, text: string | number, connection: Connection | undefined) =>
    typeof text === 'number' ? this.#find(rule, text) : this.#last.where(connection, rule, text, this.#find)

  readonly #find = (rule: SessionRule, text: string | number): Owner | undefined => {
    const owner = ownerIn(rule, text)
    if (owner === undefined) return undefined
    if (owner.type === 'worker') return this.#serves(owner.worker)
    if (owner.type === 'key') return this.#known.get(owner.key) ?? this.#learn(owner.key)
    if (owner.identity.instance === this.#me.instance) return 'mine'
    // Of a process that is gone, or of somebody else's making: the application gives its normal answer.
    return this.#peers.get(owner.identity.instance) ?? 'free'
  }

  /**
   * Calls back when the worker that was away is back, or another has its slots, or when it has taken too long. A new
   * connection waits for its worker in the same way.
   */
  wait(request: SessionRequest, from: number | undefined, done: Waiting['done']): void {
    const waiting: Waiting = {
      request,
      from,
      done: (owner) => {
        this.#world.clearTimeout(timer)
        this.#waiting.delete(waiting)
        done(owner)
      },
    }
    this.#waiting.add(waiting)
    const timer = this.#world.setTimeout(() => waiting.done('free'), this.#patience)
  }

  #retry({ request, from, done }: Waiting): void {
    const owner = this.ownerOf(request, from)
    if (owner !== 'away') done(owner)
  }

  #home(worker: number): Owner {
    const owner = this.#serves(worker)
    return owner === 'mine' ? 'free' : owner
  }

  #serves(worker: number): Owner {
    const peer = this.#serving.get(worker)
    if (peer !== undefined) return peer.instance === this.#me.instance ? 'mine' : peer
    // A worker without slots is none of these days.
    return this.#owners.includes(worker) ? 'away' : 'free'
  }

  #learn(key: string): Owner {
    const bytes = Buffer.from(key)
    const owner = this.#serves(this.#owners[slotOf(fingerprint32(bytes))] ?? -1)
    if (key.length > LONGEST_KEY) return owner
    if (this.#known.size >= KNOWN_KEYS) this.#known.clear()
    // A copy: the key may be a piece of a longer text, all of which it would keep.
    this.#known.set(bytes.toString(), owner)
    return owner
  }

  #forget(): void {
    this.#known.clear()
    this.#last.forget()
  }

  /** A Socket.IO session id that leads here. */
  sid(): string {
    return sessionId(this.#me, this.#world.randomBytes(SID_RANDOM))
  }

  /** The same as the value of a cookie. */
  identity(): string {
    return identityText(this.#me)
  }
}

/** The socket that remembers: none in HTTP/2, whose streams share one, nor for an upgrade, which asks once and lives long. */
function connectionOf({ httpVersionMajor, upgrade, socket }: SessionRequest & Inside): Connection | undefined {
  return httpVersionMajor === 1 && upgrade !== true ? socket : undefined
}

/** What Node's requests have besides. */
interface Inside {
  httpVersionMajor?: number
  upgrade?: boolean | null
  socket?: Connection
}
