// Which transport: the cheap one where the platform has what it needs, else the one that works everywhere.
import type { PrimaryChannel } from '../ipc/channel.ts'
import { loadLibc, type Libc } from '../native/libc.ts'
import type { World } from '../world.ts'
import { descriptorChannel, receiveDescriptors } from './descriptor-channel.ts'
import { nodeIpc, receiveNodeIpc } from './node-ipc.ts'
import type { ReceiverEvents, Transport, TransportName } from './transport.ts'

/** What this platform offers. */
export interface Native {
  transport: Transport
  /** The system calls; undefined where there are none. */
  libc: Libc | undefined
  /** Why this transport, in words. */
  reason: string
}

/**
 * Chooses the transport of a primary. With HOLDFAST_NATIVE=0 in the environment it is node-ipc.
 *
 * @param isShared - whether node:cluster or the application sends handles over the same IPC channels too
 */
export function chooseTransport(isShared: boolean, world: World): Native {
  const { libc, reason } = loadLibc()
  if (libc === undefined) {
    const transport = nodeIpc(world, { isShared })
    return { transport, libc, reason: `descriptor-channel is not available: ${reason}` }
  }
  return { transport: descriptorChannel(libc, world), libc, reason: 'the platform has it' }
}

/** Receives connections in a worker, over the transport that its primary chose. */
export function receive(transport: TransportName, channel: PrimaryChannel, events: ReceiverEvents): void {
  if (transport === 'descriptor-channel') receiveDescriptors(events)
  else receiveNodeIpc(channel, events)
}
