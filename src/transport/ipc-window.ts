// How many handles may be on their way over one of Node's channels.
//
// Node sends a handle only after its answer to the one before, and keeps back everything that is to follow. That is for the
// sake of its own reader, which remembers one descriptor: where a read ends within a message that brings one, the next
// read may bring another, and the first is lost. Linux ends a read behind each message that brings a descriptor, so it
// takes a message longer than the kernel passes on in one piece (some 32 KiB), or so much unread text before it that
// the reader's 64 KiB end within it. Where neither can be, several are sent at a time, and their answers come several
// to a read, which saves a tenth of a connection's cost.
import type { ChildProcess } from 'node:child_process'

/** To one child; refilled when it is down to the half. */
const MOST = 16

/** To all of them. A user's descriptors on their way are counted against what one process may have open. */
const MOST_IN_ALL = 256

/** Channels of this process over which several may be sent. */
let channels = 0

/** What Node keeps back until a handle has arrived, or null. Not in the types. */
interface Inside {
  _handleQueue?: unknown[] | null
}

/** The handles from this process to one child. */
export class IpcWindow {
  readonly #isWide: boolean
  /** Whether something long may be in the channel, not read yet. */
  #isBehind = true
  /** Whether a handle that was sent after all of that is on its way. */
  #isProbing = false
  #isClosed = false

  /** @param isShared - others send handles over the same channel */
  constructor(child: ChildProcess, isShared: boolean) {
    this.#isWide = !isShared && process.platform === 'linux' && Reflect.has(child, '_handleQueue')
    if (!this.#isWide) return
    channels++
    this.#widen(child)
  }

  /** Whether one more may be sent, `isLong`: with much to go along. */
  hasRoom(onTheWay: number, isLong: boolean): boolean {
    return onTheWay < (isLong ? 1 : this.#most)
  }

  /** Whether it is time for more. */
  isLow(onTheWay: number): boolean {
    return onTheWay <= this.#most >> 1
  }

  /** One was sent. */
  sent(isLong: boolean): void {
    this.#isBehind ||= isLong
    this.#isProbing = this.#isBehind
  }

  /** None is on the way any more. */
  allArrived(): void {
    if (this.#isProbing) this.#isBehind = this.#isProbing = false
  }

  close(): void {
    if (this.#isWide && !this.#isClosed) channels--
    this.#isClosed = true
  }

  get #most(): number {
    if (!this.#isWide || this.#isBehind) return 1
    return Math.max(1, Math.min(MOST, Math.floor(MOST_IN_ALL / channels)))
  }

  #widen(child: ChildProcess & Inside): void {
    const send = child.send.bind(child) as (message: unknown, handle?: unknown, ...rest: unknown[]) => boolean
    child.send = (message: unknown, handle?: unknown, ...rest: unknown[]) => {
      if (typeof handle !== 'object' || handle === null) {
        this.#isBehind = true
        this.#isProbing = false
      }
      const goesOn = send(message, handle, ...rest)
      if (child._handleQueue?.length === 0) child._handleQueue = null
      return goesOn
    }
    // Node's own listener comes next, and expects its queue. This one stays: answers come until the channel's end.
    child.prependListener('internalMessage' as 'message', (message) => {
      if (answerIn(message) !== undefined) child._handleQueue ??= []
    })
  }
}

/** What Node at the other end says to a handle; undefined: the message is none of its answers. */
export function answerIn(message: unknown): 'taken' | 'lost' | undefined {
  const command: unknown = typeof message === 'object' && message !== null ? Reflect.get(message, 'cmd') : undefined
  if (command === 'NODE_HANDLE_ACK') return 'taken'
  return command === 'NODE_HANDLE_NACK' ? 'lost' : undefined
}
