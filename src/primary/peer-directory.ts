// The worker processes that keep sessions: every one of them is told of all the others, and sockets that one process gives to
// another go through here.
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EndOfTurn } from '../async/end-of-turn.ts'
import type { WorkerChannel } from '../ipc/channel.ts'
import { ANY_PROCESS, type ToWorker } from '../ipc/messages.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'
import type { World } from '../world.ts'

/** What the directory needs to know of a worker process. */
interface DirectoryProcess {
  readonly channel: WorkerChannel
  /** Worker id; negative for a standby. */
  readonly id: number
  readonly enabled: boolean
  readonly attached: boolean
  send(message: ToWorker): void
}

/** Milliseconds after which every process has read the list, and the primary has read what they sent before. */
const PROPAGATION_TIME = 50

export interface DirectoryParts {
  /** All processes that live. */
  processes(): Iterable<DirectoryProcess>
  /** Worker id by slot. */
  owners(): readonly number[]
  /** A socket is for exactly that process; undefined where the process has ended. */
  transfer(channel: WorkerChannel | undefined, handle: TcpHandle, metadata: Buffer): void
}

export class PeerDirectory {
  /** The folder of the peer sockets; the first worker that opens one makes it. */
  readonly folder: string
  readonly #world: World
  readonly #parts: DirectoryParts
  readonly #instances = new Map<WorkerChannel, number>()
  /** The processes that opened a peer socket, and whether it is still open. */
  readonly #peerSockets = new Map<WorkerChannel, boolean>()
  readonly #telling: EndOfTurn
  #isClosing = false

  constructor(world: World, parts: DirectoryParts) {
    this.#world = world
    this.#parts = parts
    this.#telling = new EndOfTurn(() => this.#tell(), world)
    this.folder = join(tmpdir(), `holdfast-${world.randomBytes(9).toString('base64url')}`)
  }

  /** An identity for a process that is about to start, different from those of all that live: 1 to 2^24 - 1. */
  newInstance(): number {
    const taken = new Set(this.#instances.values()).add(ANY_PROCESS)
    let instance = ANY_PROCESS
    while (taken.has(instance)) instance = this.#world.randomBytes(3).readUIntBE(0, 3)
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
      const bytes = Buffer.from(metadata ?? '', 'base64')
      this.#parts.transfer(this.#channelOf(message.instance), handle as TcpHandle, bytes)
    })
  }

  /** The process has ended. */
  ended(channel: WorkerChannel): void {
    this.#instances.delete(channel)
    this.#peerSockets.delete(channel)
    this.changed()
  }

  /** A state, an owner or a process has changed: the processes are told once, at the end of this turn of the event loop. */
  changed(): void {
    if (this.#peerSockets.size > 0) this.#telling.schedule()
  }

  /** All processes are about to finish. Resolves when each of them knows that the others take no more connections. */
  async closing(): Promise<void> {
    if (this.#peerSockets.size === 0) return
    this.#isClosing = true
    this.#tell()
    await new Promise<void>((done) => this.#world.setTimeout(done, PROPAGATION_TIME))
  }

  /** Removes the peer sockets that killed workers have left behind. */
  close(): void {
    this.#telling.cancel()
    rmSync(this.folder, { recursive: true, force: true })
  }

  #tell(): void {
    const informed = [...this.#parts.processes()].filter(({ channel }) => this.#peerSockets.has(channel))
    const peers = informed
      .filter(({ channel, attached, id }) => this.#peerSockets.get(channel) === true && attached && id >= 0)
      .map(({ channel, id, enabled }) => ({
        worker: id,
        instance: this.#instances.get(channel) ?? 0,
        draining: !enabled || this.#isClosing,
      }))
    const owners = this.#parts.owners()
    for (const process of informed) process.send({ type: 'peers', peers, owners })
  }

  #channelOf(instance: number): WorkerChannel | undefined {
    for (const [channel, own] of this.#instances) if (own === instance) return channel
    return undefined
  }
}
