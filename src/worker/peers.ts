// The other workers, as far as a request may have to go to one of them.
import { randomBytes } from 'node:crypto'
import { markText, SID_RANDOM, sessionId, sessionOwner, type ProcessMark } from '../affinity/session.ts'
import type { SessionRequest, SessionRule } from '../options.ts'
import type { Peer } from '../protocol.ts'
import { fingerprint32, slotOf } from '../slots/hash.ts'

/** Whose a request is: this process's, that peer's, or nobody's in particular. */
export type Whose = 'mine' | 'free' | Peer

const KNOWN_KEYS = 4_096

export class Peers {
  readonly #rules: readonly SessionRule[]
  readonly #me: ProcessMark
  #peers = new Map<number, Peer>()
  /** Process by worker: of several the one that is not draining. */
  #serving = new Map<number, Peer>()
  #owners: readonly number[] = []
  /** Slots of keys that were seen lately: the same ones come again and again. */
  readonly #slots = new Map<string, number>()

  /** @param me - the object stays the caller's: a spare changes its worker */
  constructor(rules: readonly SessionRule[], me: ProcessMark) {
    this.#rules = rules
    this.#me = me
  }

  /** @param owners - worker by slot */
  update(peers: readonly Peer[], owners: readonly number[]): void {
    this.#peers = new Map(peers.map((peer) => [peer.instance, peer]))
    this.#serving = new Map(peers.filter(({ draining }) => !draining).map((peer) => [peer.worker, peer]))
    this.#owners = owners
  }

  whose(request: SessionRequest): Whose {
    const owner = sessionOwner(request, this.#rules)
    if (owner === undefined) return 'free'
    if (owner.type === 'process' && owner.mark.instance === this.#me.instance) return 'mine'
    const peer =
      owner.type === 'process'
        ? this.#peers.get(owner.mark.instance)
        : this.#serving.get(this.#owners[this.#slotOf(owner.key)] ?? -1)
    if (peer?.instance === this.#me.instance) return 'mine'
    // Of a process that is gone, or of somebody else's making: the application gives its normal answer.
    return peer ?? 'free'
  }

  #slotOf(key: string): number {
    let slot = this.#slots.get(key)
    if (slot === undefined) {
      if (this.#slots.size >= KNOWN_KEYS) this.#slots.clear()
      this.#slots.set(key, (slot = slotOf(fingerprint32(Buffer.from(key)))))
    }
    return slot
  }

  /** A Socket.IO session id that leads here. */
  sid(): string {
    return sessionId(this.#me, randomBytes(SID_RANDOM))
  }

  /** The same as the value of a cookie. */
  mark(): string {
    return markText(this.#me)
  }
}
