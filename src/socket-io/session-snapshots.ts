// Sessions of clients whose worker is killed. The adapter writes a client's session when its worker loses the client, and a
// worker that is killed writes nothing. So each worker keeps its sessions at Redis while they live; and once its own
// connection there is gone, whoever the client comes to next takes what was kept.
import { setTimeout as pause } from 'node:timers/promises'
import { deserialize } from 'node:v8'
import { EndOfTurn } from '../async/end-of-turn.ts'
import { beforeClose } from './adapter-guards.ts'
import type { AdapterClients } from './adapter-clients.ts'
import { serializePlain } from './plain.ts'

/** The adapter of a namespace, as far as it matters here. */
export interface RecoveringAdapter {
  /** Of the node; it subscribes to a channel with this in its name. */
  readonly uid: string
  readonly nsp: {
    readonly name: string
    readonly sockets: ReadonlyMap<string, RecoverableSocket>
    readonly server: { readonly opts: { connectionStateRecovery?: { maxDisconnectionDuration: number } } }
  }
  persistSession(session: Session): void
  restoreSession(pid: string, offset: string): Promise<unknown>
  close(): unknown
  on(event: 'join-room' | 'leave-room', listener: (room: string, sid: string) => void): unknown
}

interface RecoverableSocket {
  readonly id: string
  /** Only its client knows it. */
  readonly pid: string
  readonly rooms: ReadonlySet<string>
  readonly data: unknown
}

interface Session {
  sid: string
  pid: string
  rooms: string[]
  data: unknown
}

interface Kept {
  owner: string
  session: Session
}

/** Milliseconds between two looks at a tenth of the sockets, because a change in `socket.data` tells nobody. */
const LOOK_INTERVAL = 500
const LOOKS = 10

/** Milliseconds that a client waits whose session can not be had yet, and between two looks at it. */
const PATIENCE = 1_000
const STEP = 50

export function keepSessions(
  adapter: RecoveringAdapter,
  clients: Pick<AdapterClients, 'publisher' | 'isUp' | 'subscribers'>,
  channelPrefix: string,
): void {
  const { nsp, uid } = adapter
  const { publisher } = clients
  const duration = nsp.server.opts.connectionStateRecovery?.maxDisconnectionDuration
  if (duration === undefined) return
  const key = (pid: string): string => `${channelPrefix}:kept:${pid}`
  /** What Redis has, by socket id, and since when. */
  const kept = new Map<string, { pid: string; text: string; at: number }>()

  const write = (sid: string): void => {
    const socket = nsp.sockets.get(sid)
    const before = kept.get(sid)
    if (socket === undefined) {
      kept.delete(sid)
      // From here on it is the adapter's: written by it, or over.
      if (before !== undefined) publisher.del(key(before.pid)).catch(awayIsTold)
      return
    }
    const { pid, rooms, data } = socket
    const text = pack({ owner: uid, session: { sid, pid, rooms: [...rooms], data } })
    const now = performance.now()
    // It lasts for as long as a client may stay away, so it is written anew in time.
    if (before?.text === text && now - before.at < duration / 2) return
    const entry = { pid, text, at: now }
    kept.set(sid, entry)
    // What Redis did not take is written again at the next look.
    const answered = (answer: unknown): void => {
      if (answer !== 'OK') entry.at = -Infinity
    }
    publisher.set(key(pid), text, 'PX', duration + 2 * LOOKS * LOOK_INTERVAL).then(answered, answered)
  }
  atEndOfTurn(adapter, write)
  let rest = nsp.sockets.keys()
  const look = (): void => {
    for (let n = Math.ceil(nsp.sockets.size / LOOKS); n > 0; n--) {
      const { value: sid, done } = rest.next()
      if (done === true) rest = nsp.sockets.keys()
      else write(sid)
    }
  }
  const looking = setInterval(look, LOOK_INTERVAL).unref()
  beforeClose(adapter, () => clearInterval(looking))

  const restore = adapter.restoreSession.bind(adapter)
  /** @returns undefined while the session is in use. @throws Error where there is none */
  const attempt = async (pid: string, offset: string): Promise<unknown> => {
    try {
      return await restore(pid, offset)
    } catch (error) {
      const found = await publisher.get(key(pid))
      if (found === null) throw error
      const { owner, session } = unpack(found)
      if ((await clients.subscribers(`${channelPrefix}#${nsp.name}#${owner}#`)) > 0) return undefined
      adapter.persistSession(session)
      return restore(pid, offset)
    }
  }
  // A client may be back before this worker has reached Redis, before its own worker has noticed that it was gone, or Redis
  // that the worker is.
  adapter.restoreSession = async (pid: string, offset: string) => {
    for (const end = performance.now() + PATIENCE; ;) {
      const isLast = performance.now() >= end
      try {
        const session = await attempt(pid, offset)
        if (session !== undefined) return session
        if (isLast) throw new Error('the session is still in use')
      } catch (error) {
        if (isLast || clients.isUp) throw error
      }
      await pause(STEP)
    }
  }
}

/** Who joins or leaves rooms does so several times in a turn. */
function atEndOfTurn(adapter: RecoveringAdapter, act: (sid: string) => void): void {
  const changed = new Set<string>()
  const endOfTurn = new EndOfTurn(() => {
    for (const sid of changed) act(sid)
    changed.clear()
  })
  const note = (_: string, sid: string): void => {
    changed.add(sid)
    endOfTurn.schedule()
  }
  adapter.on('join-room', note)
  adapter.on('leave-room', note)
}

/** By the pair's watch. */
function awayIsTold(): void {}

function pack(kept: Kept): string {
  return serializePlain(kept).toString('base64')
}

function unpack(text: string): Kept {
  return deserialize(Buffer.from(text, 'base64')) as Kept
}
