// How many handles may be on their way at the same time over one of Node's IPC channels.
//
// Node sends a handle only after the answer to the one before, and keeps back everything that is to follow. The reason
// is Node's own reader, which remembers one descriptor: where a read ends within a message that brings a descriptor,
// the next read may bring another one, and the first is lost. Linux ends a read behind each message that brings a
// descriptor. So the loss takes a message that is longer than what the kernel passes on in one piece (some 32 KiB), or
// so much unread text before the message that the reader's 64 KiB end within it. Where neither is possible, several
// handles are sent at a time. Their answers then come several to a read, which saves a tenth of a connection's cost.
import type { ChildProcess } from 'node:child_process'

/** Handles on their way to one child process, at most. More are sent when half of them have arrived. */
const MAX_PER_CHILD = 16

/** Handles on their way to all child processes. The system limits the descriptors that a user has on their way. */
const MAX_IN_TOTAL = 256

/** Number of channels of this process over which several handles may be sent. */
let wideChannels = 0

/** Node's queue of what waits for the answer to a handle; null while no handle is on its way. Not in Node's types. */
interface ChildInternals {
  _handleQueue?: unknown[] | null
}

/** The window of the channel to one child process. */
export class IpcWindow {
  readonly #isWide: boolean
  /** Whether a long text may be in the channel, unread. */
  #isTextUnread = true
  /** Whether a handle is on its way behind that text: its answer says that the text was read. */
  #isHandleBehindText = false
  #isClosed = false

  /** @param isShared - whether node:cluster or the application sends handles over the same channel too */
  constructor(child: ChildProcess, isShared: boolean) {
    this.#isWide = !isShared && process.platform === 'linux' && Reflect.has(child, '_handleQueue')
    if (!this.#isWide) return
    wideChannels++
    this.#letNodeSendAtOnce(child)
  }

  /**
   * Whether one more handle may be sent.
   *
   * @param inFlight - handles on their way
   * @param isLong - whether the message carries metadata
   */
  hasRoom(inFlight: number, isLong: boolean): boolean {
    return inFlight < (isLong ? 1 : this.#size)
  }

  /** Whether so few handles are on their way that it is time to send more. */
  isHalfEmpty(inFlight: number): boolean {
    return inFlight <= this.#size >> 1
  }

  /** To be called when a handle was sent. */
  sent(isLong: boolean): void {
    this.#isTextUnread ||= isLong
    this.#isHandleBehindText = this.#isTextUnread
  }

  /** To be called when no handle is on its way any more. */
  allArrived(): void {
    if (this.#isHandleBehindText) this.#isTextUnread = this.#isHandleBehindText = false
  }

  close(): void {
    if (this.#isWide && !this.#isClosed) wideChannels--
    this.#isClosed = true
  }

  get #size(): number {
    if (!this.#isWide || this.#isTextUnread) return 1
    return Math.max(1, Math.min(MAX_PER_CHILD, Math.floor(MAX_IN_TOTAL / wideChannels)))
  }

  /** Takes Node's queue away after each handle, and gives it back before Node's own listener for answers runs. */
  #letNodeSendAtOnce(child: ChildProcess & ChildInternals): void {
    const send = child.send.bind(child) as (message: unknown, handle?: unknown, ...rest: unknown[]) => boolean
    child.send = (message: unknown, handle?: unknown, ...rest: unknown[]) => {
      if (typeof handle !== 'object' || handle === null) {
        this.#isTextUnread = true
        this.#isHandleBehindText = false
      }
      const goesOn = send(message, handle, ...rest)
      if (child._handleQueue?.length === 0) child._handleQueue = null
      return goesOn
    }
    // Never removed: answers come until the end of the channel.
    child.prependListener('internalMessage' as 'message', (message) => {
      if (handleAnswer(message) !== undefined) child._handleQueue ??= []
    })
  }
}

/** What Node in the other process answers to a handle; undefined where the message is no such answer. */
export function handleAnswer(message: unknown): 'ack' | 'nack' | undefined {
  const command: unknown = typeof message === 'object' && message !== null ? Reflect.get(message, 'cmd') : undefined
  if (command === 'NODE_HANDLE_ACK') return 'ack'
  return command === 'NODE_HANDLE_NACK' ? 'nack' : undefined
}
