// The listeners of the balancer, and the processes that serve each of them. The balancer opens those that its options name;
// a worker asks for more when its program listens elsewhere.
import { codeOf, describe, StickyError } from '../errors.ts'
import type { WorkerChannel } from '../ipc/channel.ts'
import { isPath, listenKey, type Address, type ListenTarget, type OpenListener } from '../ipc/listen-target.ts'
import type { ListenFailure } from '../ipc/messages.ts'
import type { Logger } from '../logger.ts'
import type { Steering } from '../steering/steering.ts'
import { MAX_LISTENER } from '../transport/metadata.ts'

interface Entry {
  readonly id: number
  readonly key: string
  readonly target: ListenTarget
  /** Whether the options name it, so that it stays open without a process that serves it. */
  readonly isPermanent: boolean
  readonly users: Set<WorkerChannel>
  readonly opening: Promise<Address | string>
  /** Undefined while it is opened. */
  address: Address | string | undefined
  isClosing: boolean
}

export interface ListenersParts {
  readonly logger: Logger
  steering(): Steering
  /** Whether connections of a listener that a worker asks for begin with a header of the PROXY protocol. */
  isBehindProxy(target: ListenTarget): boolean
}

export class Listeners {
  readonly #parts: ListenersParts
  readonly #entries = new Map<number, Entry>()
  /** The listeners that are being closed, by key. Until then their ports are not free. */
  readonly #closing = new Map<string, Promise<void>>()
  readonly #gone = new WeakSet<WorkerChannel>()
  /** The listeners that each process has left again. */
  readonly #left = new WeakMap<WorkerChannel, Set<number>>()

  constructor(parts: ListenersParts) {
    this.#parts = parts
  }

  /** The listeners that are open, by number. */
  get open(): OpenListener[] {
    return [...this.#entries.values()]
      .flatMap(({ id, key, address, isPermanent, isClosing }) =>
        address === undefined || isClosing ? [] : [{ id, key, address, isPermanent }],
      )
      .sort((a, b) => a.id - b.id)
  }

  /** The numbers of the listeners that the process serves. */
  servedBy(channel: WorkerChannel | undefined): number[] {
    if (channel === undefined) return []
    return [...this.#entries.values()].filter(({ users }) => users.has(channel)).map(({ id }) => id)
  }

  /**
   * Opens a listener that the options name.
   *
   * @param isPermanent - whether it stays open without a process that serves it
   * @throws StickyError as `Steering.open` does
   */
  async add(target: ListenTarget, isPermanent: boolean): Promise<Address | string> {
    return this.#find(target)?.opening ?? this.#open(target, isPermanent, true).opening
  }

  /** A process has started: it may ask for listeners. */
  started(channel: WorkerChannel): void {
    channel.on('listen', ({ request, target }) => void this.#listen(channel, request, target))
    channel.on('unlisten', ({ listener }) => this.#unlisten(channel, listener))
  }

  /** The process is to get connections. @param listeners - those that it served when it was ready */
  ready(channel: WorkerChannel, listeners: readonly number[]): void {
    // A standby may have been ready for long.
    const left = this.#left.get(channel)
    for (const id of listeners) if (left?.has(id) !== true) this.#use(channel, this.#entries.get(id))
  }

  /** The process has ended. A listener without another process stays open for the next one. */
  ended(channel: WorkerChannel): void {
    this.#gone.add(channel)
    for (const { users } of this.#entries.values()) users.delete(channel)
  }

  /** Closes the listeners that no process serves and that no option names. */
  async closeUnused(): Promise<void> {
    const unused = [...this.#entries.values()].filter(
      ({ isPermanent, users, isClosing, address }) =>
        !isPermanent && !isClosing && users.size === 0 && address !== undefined,
    )
    await Promise.all(unused.map((entry) => this.#close(entry)))
  }

  async #listen(channel: WorkerChannel, request: number, target: ListenTarget): Promise<void> {
    const entry = this.#find(target) ?? this.#open(target, false, this.#parts.isBehindProxy(target))
    const answer = { type: 'listening', request, listener: entry.id } as const
    try {
      const address = await entry.opening
      await this.#parts.steering().restore(entry.id)
      this.#use(channel, entry)
      channel.send({ ...answer, address })
    } catch (error) {
      // There is no listener, and its number may be one that no listener can have.
      channel.send({ ...answer, listener: 0, address: '', error: failure(error) })
    }
  }

  #use(channel: WorkerChannel, entry: Entry | undefined): void {
    if (entry === undefined || this.#gone.has(channel)) return
    this.#left.get(channel)?.delete(entry.id)
    entry.users.add(channel)
    this.#parts.steering().serve(channel, entry.id)
  }

  #unlisten(channel: WorkerChannel, id: number): void {
    const entry = this.#entries.get(id)
    this.#left.set(channel, (this.#left.get(channel) ?? new Set()).add(id))
    if (entry === undefined || !entry.users.delete(channel)) return
    this.#parts.steering().unserve(channel, id)
    if (entry.users.size === 0 && !entry.isPermanent) void this.#close(entry)
  }

  #find(target: ListenTarget): Entry | undefined {
    const key = listenKey(target)
    return [...this.#entries.values()].find((entry) => !entry.isClosing && (entry.key === key || isAt(entry, target)))
  }

  #open(target: ListenTarget, isPermanent: boolean, isBehindProxy: boolean): Entry {
    const key = listenKey(target)
    const id = this.#newId()
    const entry: Entry = {
      id,
      key,
      target,
      isPermanent,
      users: new Set(),
      opening: this.#opened(id, key, target, isBehindProxy),
      address: undefined,
      isClosing: false,
    }
    this.#entries.set(id, entry)
    void this.#noteOpened(entry)
    return entry
  }

  async #noteOpened(entry: Entry): Promise<void> {
    const { id } = entry
    try {
      entry.address = await entry.opening
      if (id > 0) this.#parts.logger.info('listener.open', { listener: id, ...fieldsOf(entry.address) })
    } catch {
      // The caller gets the error. The next one tries again.
      this.#entries.delete(id)
    }
  }

  async #opened(id: number, key: string, target: ListenTarget, isBehindProxy: boolean): Promise<Address | string> {
    if (id > MAX_LISTENER) throw new StickyError('HOLDFAST_LISTEN_FAILED', `there are ${id} listeners already`)
    await this.#closing.get(key)
    return this.#parts.steering().open({ id, target, isBehindProxy })
  }

  #newId(): number {
    let id = 0
    while (this.#entries.has(id)) id++
    return id
  }

  async #close(entry: Entry): Promise<void> {
    const { id, key, address = '' } = entry
    entry.isClosing = true
    const closed = this.#parts.steering().closeListener(id)
    // The number stays taken until no connection of this listener is on its way.
    this.#closing.set(key, closed)
    await closed
    this.#closing.delete(key)
    this.#entries.delete(id)
    this.#parts.logger.info('listener.closed', { listener: id, ...fieldsOf(address) })
  }
}

/** Whether a listener that was opened on port 0 is meant: the program knows its port. */
function isAt({ target, address }: Entry, wanted: ListenTarget): boolean {
  if (isPath(target) || isPath(wanted) || typeof address !== 'object' || wanted.port === 0) return false
  return wanted.port === address.port && (wanted.host ?? '::') === (target.host ?? '::')
}

function failure(error: unknown): ListenFailure {
  const cause = error instanceof StickyError ? error.cause : undefined
  return { code: codeOf(cause) ?? codeOf(error), message: describe(error) }
}

function fieldsOf(address: Address | string): Record<string, unknown> {
  return typeof address === 'string' ? { path: address } : { ...address }
}
