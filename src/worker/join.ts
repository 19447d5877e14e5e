// Inside a worker: attach the application's server, say ready, drain, leave.
import { Server } from 'node:net'
import { describe, StickyError, codeOf } from '../errors.ts'
import { openForWorker, PROTOCOL_VERSION, type ToPrimary, type WorkerSetup } from '../protocol.ts'
import { loadLibc } from '../native/libc.ts'
import { receive } from '../transport/receive.ts'
import type { TcpHandle } from '../transport/tcp-handle.ts'
import { finisher } from './finish.ts'
import { attach } from './receive.ts'
import { endReporter, whenClosed } from './ends.ts'
import { slotSockets, type SlotSockets } from './slot-sockets.ts'

/** A server, or a function that makes one; the function runs in workers only. */
export type Target = Server | (() => Server | Promise<Server>)

export interface WorkerEvents {
  /** No new connections come in; what is served has until the deadline. */
  drain(deadline: number): void
  /** Everything is served; the process ends now. */
  leave(): void
}

/** A worker's side of the bargain. */
export interface Joined {
  readonly ready: Promise<void>
  /** Stops taking connections, finishes what is served within `deadline` milliseconds, and ends the process. */
  leave(reason: string, deadline: number): Promise<void>
}

/** Milliseconds that the application has after 'leave' to end by itself, before the process is ended. */
const LAST_WORDS = 1_000

export function join(target: Target, setup: WorkerSetup, events: WorkerEvents): Joined {
  const early: TcpHandle[] = []
  let take = (handle: TcpHandle): void => void early.push(handle)
  let close = (): Promise<void> => Promise.resolve()
  let left: Promise<void> | undefined
  let isReady = false
  const ends = endReporter((numbers) => post({ type: 'ended', numbers }))
  let sockets: SlotSockets | undefined
  let ended = (): void => {}
  const end = new Promise<void>((done) => (ended = done))

  // From here on nothing is missed: Node keeps messages that came before the first listener.
  receive(setup.transport, {
    connection(handle, seq) {
      if (setup.countEnds) whenClosed(handle, () => ends.add(seq))
      take(handle)
    },
    listeners: (slots, descriptors) => listenOn(slots, descriptors),
    end: () => ended(),
  })
  process.on('message', (raw: unknown) => {
    const message = openForWorker(raw)
    if (message?.type === 'drain') void drain(message.deadline)
    if (message?.type === 'drop') {
      sockets?.drop(message.slots, message.final)
      post({ type: 'dropped', slots: message.slots })
    }
  })
  process.on('disconnect', () => {
    // The primary is gone: finish what is served, then go too.
    sockets?.close(true)
    ended()
    void drain(setup.deadline)
  })
  // The primary passes stderr on; when it is gone there is nobody to read it, which must not end this process.
  process.stderr.on('error', () => {})
  // Ctrl-C reaches the whole process group; the primary decides when a worker ends.
  process.on('SIGINT', () => {})
  process.on('SIGTERM', () => void leave('SIGTERM', setup.deadline))

  function listenOn(slots: readonly number[], descriptors: readonly number[]): void {
    const { libc } = loadLibc()
    if (libc === undefined) return
    sockets ??= slotSockets(libc, setup.backlog, (handle) => take(handle))
    for (const [i, fd] of descriptors.entries()) sockets.take(slots[i] ?? 0, fd)
  }

  async function start(): Promise<void> {
    const server = await resolveTarget(target)
    close = finisher(server)
    take = attach(server, setup.address, () => void leave('server.close()', setup.deadline))
    for (const handle of early.splice(0)) take(handle)
    if (left !== undefined) return
    isReady = true
    post({ type: 'ready', version: PROTOCOL_VERSION })
  }

  async function leave(reason: string, deadline: number): Promise<void> {
    if (left === undefined) post({ type: 'leave', reason })
    const timer = setTimeout(ended, deadline).unref()
    await drain(deadline)
    clearTimeout(timer)
  }

  function drain(deadline: number): Promise<void> {
    left ??= finish(deadline)
    return left
  }

  async function finish(deadline: number): Promise<void> {
    const expired = new Promise<void>((done) => setTimeout(done, deadline).unref())
    events.drain(deadline)
    // What the primary sent before it heard of the leave is still on its way, and is served.
    if (isReady) await Promise.race([end, expired])
    await Promise.race([close(), expired])
    events.leave()
    // In a turn of its own: disconnecting while early messages are being delivered crashes Node.
    setImmediate(() => process.connected && process.disconnect())
    setTimeout(() => process.exit(), LAST_WORDS).unref()
  }

  async function attempt(): Promise<void> {
    // In a turn of its own, so that the target function can use what stickyListen returns.
    await Promise.resolve()
    try {
      await start()
    } catch (error) {
      post({ type: 'failed', message: describe(error), code: codeOf(error) })
      // Whether or not the application looks at `ready`: a worker that serves nothing must not stay.
      setImmediate(() => process.exit(1))
      throw error
    }
  }

  return { ready: attempt(), leave }
}

async function resolveTarget(target: Target): Promise<Server> {
  if (typeof target !== 'function') return target
  const server = await target()
  if (server instanceof Server) return server
  throw new StickyError('HOLDFAST_BAD_TARGET', 'return the http, https, http2, tls or net server from it')
}

function post(message: ToPrimary): void {
  if (process.connected) process.send?.({ holdfast: message }, undefined, undefined, () => {})
}
