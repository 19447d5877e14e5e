// A connection that a worker gave away, because a session of another process is on it.
import type { WorkerChannel } from '../ipc/channel.ts'
import { bytesKey } from '../affinity/address.ts'
import type { AffinitySettings } from '../options/settings.ts'
import { slotOfKey } from '../slots/hash.ts'
import { unsettle } from '../transport/metadata.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'
import type { Accepted } from '../transport/transport.ts'
import { Connection, peerOf } from './accept.ts'
import { clientOf } from './handoff/proxy-gate.ts'

/** @param channel - that process; undefined where it is gone: whoever is next by the client's address gets it */
export function movedConnection(
  channel: WorkerChannel | undefined,
  handle: TcpHandle,
  metadata: Buffer,
  affinity: AffinitySettings,
  now: number,
): Connection {
  const connection = new Connection(handle)
  connection.metadata = metadata
  connection.to = channel
  connection.acceptedAt = now
  const address = clientOf(metadata) ?? peerOf(handle)
  if (address !== undefined) {
    const key = bytesKey(address, affinity)
    connection.key = key.toString('hex')
    connection.slot = slotOfKey(key, affinity.seed)
  }
  if (channel === undefined) unsettleConnection(connection)
  return connection
}

/** The process takes no more: any other worker looks at its requests anew, and sends them on where they belong. */
export function unsettleConnection(connection: Accepted): void {
  connection.to = undefined
  if (connection.metadata !== undefined) connection.metadata = unsettle(connection.metadata)
}
