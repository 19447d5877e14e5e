// The worker's end of whichever transport the primary chose.
import { receiveDescriptors } from './descriptor-channel.ts'
import { receiveNodeIpc } from './node-ipc.ts'
import type { PrimaryChannel } from '../ipc/channel.ts'
import type { ReceiverEvents, TransportName } from './transport.ts'

export function receive(transport: TransportName, channel: PrimaryChannel, events: ReceiverEvents): void {
  if (transport === 'descriptor-channel') receiveDescriptors(events)
  else receiveNodeIpc(channel, events)
}
