// Which transport: the cheap one where it works, else the one that works everywhere, and why.
import { loadLibc, type Libc } from '../native/libc.ts'
import { descriptorChannel, receiveDescriptors } from './descriptor-channel.ts'
import { nodeIpc, receiveNodeIpc } from './node-ipc.ts'
import type { PrimaryChannel } from '../ipc/channel.ts'
import type { ReceiverEvents, Transport, TransportName } from './transport.ts'
import type { World } from '../world.ts'

/** What this platform offers. */
export interface Native {
  transport: Transport
  /** The system calls, where there are any. */
  libc: Libc | undefined
  /** Why this transport. */
  reason: string
}

/**
 * The environment variable HOLDFAST_NATIVE=0 keeps to what Node itself can do.
 *
 * @param isShared - others pass handles over Node's channels to the workers, too
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
