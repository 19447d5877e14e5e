// Snapshots of sessions at Redis. The adapter writes a client's session when its worker loses the client, and a worker
// that is killed writes nothing. So each worker also keeps its sessions at Redis while the clients are connected; once
// the worker's own subscription is gone, the worker that the client reconnects to takes the snapshot.
import { setTimeout as pause } from 'node:timers/promises'
import { deserialize } from 'node:v8'
import { EndOfTurn } from '../async/end-of-turn.ts'
import { beforeClose } from './adapter-guards.ts'
import type { AdapterClients } from './adapter-clients.ts'
import { serializePlain } from './plain.ts'

/** The members of a namespace's adapter that are used here. */
export interface RecoveringAdapter {
  /** Id of the node, which subscribes to a channel with this id in its name. */
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
  /** Private id of the session, which only the client knows. */
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

interface Snapshot {
  /** Uid of the node that has the session. */
  owner: string
  session: Session
}

/** Milliseconds between two checks of a tenth of the sockets: a change in `socket.data` is no event. */
const CHECK_INTERVAL = 500
/** Checks until each socket was checked once. */
const CHECKS = 10

/** Milliseconds that a client waits at most for a session that cannot be restored yet, and between two attempts. */
const RESTORE_TIMEOUT = 1_000
const RETRY_DELAY = 50

/** @param clients - at the Redis of the adapter */
export function keepSnapshots(
  adapter: RecoveringAdapter,
  clients: Pick<AdapterClients, 'publisher' | 'isUp' | 'subscribers'>,
  channelPrefix: string,
): void {
  const { nsp, uid } = adapter
  const { publisher } = clients
  const duration = nsp.server.opts.connectionStateRecovery?.maxDisconnectionDuration
  if (duration === undefined) return
  const key = (pid: string): string => `${channelPrefix}:kept:${pid}`
  /** By socket id: the snapshot that Redis has, and the time of writing it. */
  const written = new Map<string, { pid: string; text: string; at: number }>()

  const write = (sid: string): void => {
    const socket = nsp.sockets.get(sid)
    const previous = written.get(sid)
    if (socket === undefined) {
      written.delete(sid)
      // The session has ended, or the adapter has written it.
      if (previous !== undefined) publisher.del(key(previous.pid)).catch(ignoreAway)
      return
    }
    const { pid, rooms, data } = socket
    const text = pack({ owner: uid, session: { sid, pid, rooms: [...rooms], data } })
    const now = performance.now()
    // A snapshot expires once a client may not come back any more, so it is written again in time.
    if (previous?.text === text && now - previous.at < duration / 2) return
    const entry = { pid, text, at: now }
    written.set(sid, entry)
    // The next check repeats a write that Redis did not take.
    const answered = (answer: unknown): void => {
      if (answer !== 'OK') entry.at = -Infinity
    }
    publisher.set(key(pid), text, 'PX', duration + 2 * CHECKS * CHECK_INTERVAL).then(answered, answered)
  }
  onRoomChange(adapter, write)
  let remaining = nsp.sockets.keys()
  const check = (): void => {
    for (let n = Math.ceil(nsp.sockets.size / CHECKS); n > 0; n--) {
      const { value: sid, done } = remaining.next()
      if (done === true) remaining = nsp.sockets.keys()
      else write(sid)
    }
  }
  const checking = setInterval(check, CHECK_INTERVAL).unref()
  beforeClose(adapter, () => clearInterval(checking))

  const restore = adapter.restoreSession.bind(adapter)
  /** @returns the session; undefined while another node has it @throws Error when there is none, or Redis is away */
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
  // A client may reconnect before this worker has reached Redis, before its former worker has noticed the loss, or
  // before Redis has noticed the end of the former worker.
  adapter.restoreSession = async (pid: string, offset: string) => {
    for (const end = performance.now() + RESTORE_TIMEOUT; ;) {
      const isLast = performance.now() >= end
      try {
        const session = await attempt(pid, offset)
        if (session !== undefined) return session
        if (isLast) throw new Error('the session is still in use')
      } catch (error) {
        if (isLast || clients.isUp) throw error
      }
      await pause(RETRY_DELAY)
    }
  }
}

/** Acts once per turn for a socket that joins or leaves rooms, which it often does several times in a turn. */
function onRoomChange(adapter: RecoveringAdapter, act: (sid: string) => void): void {
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

/** The connections' own event tells that Redis is away. */
function ignoreAway(): void {}

function pack(snapshot: Snapshot): string {
  return serializePlain(snapshot).toString('base64')
}

function unpack(text: string): Snapshot {
  return deserialize(Buffer.from(text, 'base64')) as Snapshot
}
