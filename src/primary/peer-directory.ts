// Which processes keep sessions, told to all of them, and the sockets that they pass to each other by way of here.
import { randomBytes, randomInt } from 'node:crypto'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { WorkerChannel } from '../ipc/channel.ts'
import type { ToWorker } from '../ipc/messages.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'

/** A process, as far as it matters here. */
interface Process {
  readonly channel: WorkerChannel
  /** Of the worker; negative for a standby. */
  readonly id: number
  readonly enabled: boolean
  readonly attached: boolean
  send(message: ToWorker): void
}

/** Milliseconds in which all have heard, and what they sent before is here. */
const NEWS_TRAVEL = 50

export interface DirectoryEvents {
  /** All that live. */
  processes(): Iterable<Process>
  /** Worker by slot. */
  owners(): readonly number[]
  /** A socket is for exactly that process, which may be gone. */
  pass(channel: WorkerChannel | undefined, handle: TcpHandle, metadata: Buffer): void
}

export class PeerDirectory {
  /** For the peer sockets; the first worker that opens one makes it. */
  readonly folder = join(tmpdir(), `holdfast-${randomBytes(9).toString('base64url')}`)
  readonly #events: DirectoryEvents
  readonly #instances = new Map<WorkerChannel, number>()
  /** Who has a peer socket, and whether it is still open. */
  readonly #peerSockets = new Map<WorkerChannel, boolean>()
  #telling: NodeJS.Immediate | undefined
  #isClosing = false

  constructor(events: DirectoryEvents) {
    this.#events = events
  }

  /** A number for a process that is about to start, which no other one has. */
  newInstance(): number {
    const taken = new Set(this.#instances.values())
    let instance = randomInt(1, 2 ** 24)
    while (taken.has(instance)) instance = randomInt(1, 2 ** 24)
    return instance
  }

  started(channel: WorkerChannel, instance: number): void {
    this.#instances.set(channel, instance)
    const setPeerSocket = (isOpen: boolean): void => {
      this.#peerSockets.set(channel, isOpen)
      this.changed()
    }
    channel.on('peer-socket-open', () => setPeerSocket(true))
    channel.on('peer-socket-closed', () => setPeerSocket(false))
    channel.on('transfer', (message, { metadata }, handle) => {
      // A primary without descriptors gets the message without its handle; the connection is lost, and the client connects again.
      if (handle === undefined || handle === null) return
      this.#events.pass(this.#channelOf(message.instance), handle as TcpHandle, Buffer.from(metadata ?? '', 'base64'))
    })
  }

  /** The process has ended. */
  gone(channel: WorkerChannel): void {
    this.#instances.delete(channel)
    this.#peerSockets.delete(channel)
    this.changed()
  }

  /** A state, an owner or a process is another now: who wants to know is told, once for all that changed in this turn. */
  changed(): void {
    if (this.#peerSockets.size > 0) this.#telling ??= setImmediate(() => this.#tell())
  }

  /** All are about to finish. Resolves when they know of each other that nobody takes another's connections any more. */
  async closing(): Promise<void> {
    if (this.#peerSockets.size === 0) return
    this.#isClosing = true
    this.#tell()
    await new Promise((done) => setTimeout(done, NEWS_TRAVEL))
  }

  /** Removes what workers that were killed have left behind. */
  close(): void {
    clearImmediate(this.#telling)
    rmSync(this.folder, { recursive: true, force: true })
  }

  #tell(): void {
    this.#telling = undefined
    const all = [...this.#events.processes()].filter(({ channel }) => this.#peerSockets.has(channel))
    const peers = all
      .filter(({ channel, attached, id }) => this.#peerSockets.get(channel) === true && attached && id >= 0)
      .map(({ channel, id, enabled }) => ({
        worker: id,
        instance: this.#instances.get(channel) ?? 0,
        draining: !enabled || this.#isClosing,
      }))
    const owners = this.#events.owners()
    for (const process of all) process.send({ type: 'peers', peers, owners })
  }

  #channelOf(instance: number): WorkerChannel | undefined {
    for (const [channel, own] of this.#instances) if (own === instance) return channel
    return undefined
  }
}
