// Which processes keep sessions, told to all of them, and the sockets that they pass to each other by way of here.
import type { ChildProcess } from 'node:child_process'
import { randomBytes, randomInt } from 'node:crypto'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isOurs, openForPrimary, type ToWorker } from '../ipc/messages.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'

/** A process, as far as it matters here. */
interface Process {
  readonly child: ChildProcess
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
  pass(child: ChildProcess | undefined, handle: TcpHandle, metadata: Buffer): void
}

export class PeerDirectory {
  /** For the peer sockets; the first worker that opens one makes it. */
  readonly folder = join(tmpdir(), `holdfast-${randomBytes(9).toString('base64url')}`)
  readonly #events: DirectoryEvents
  readonly #instances = new Map<ChildProcess, number>()
  /** Who has a peer socket, and whether it is still open. */
  readonly #peerSockets = new Map<ChildProcess, boolean>()
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

  started(child: ChildProcess, instance: number): void {
    this.#instances.set(child, instance)
    child.on('message', (raw: unknown, handle: unknown) => {
      const message = openForPrimary(raw)
      if (message?.type === 'reachable' || message?.type === 'unreachable') {
        this.#peerSockets.set(child, message.type === 'reachable')
        this.changed()
      }
      // Out of descriptors it comes without its handle, and is lost: its client connects again.
      if (message?.type !== 'move' || !isOurs(raw) || handle === undefined || handle === null) return
      this.#events.pass(this.#childOf(message.instance), handle as TcpHandle, Buffer.from(raw.metadata ?? '', 'base64'))
    })
    child.once('close', () => {
      this.#instances.delete(child)
      this.#peerSockets.delete(child)
      this.changed()
    })
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
    const all = [...this.#events.processes()].filter(({ child }) => this.#peerSockets.has(child))
    const peers = all
      .filter(({ child, attached, id }) => this.#peerSockets.get(child) === true && attached && id >= 0)
      .map(({ child, id, enabled }) => ({
        worker: id,
        instance: this.#instances.get(child) ?? 0,
        draining: !enabled || this.#isClosing,
      }))
    const owners = this.#events.owners()
    for (const process of all) process.send({ type: 'peers', peers, owners })
  }

  #childOf(instance: number): ChildProcess | undefined {
    for (const [child, own] of this.#instances) if (own === instance) return child
    return undefined
  }
}
