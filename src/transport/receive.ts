// The worker's end of whichever transport the primary chose.
import { receiveDescriptors } from './descriptor-channel.ts'
import { receiveNodeIpc } from './node-ipc.ts'
import type { ReceiverEvents, TransportName } from './transport.ts'

export function receive(transport: TransportName, events: ReceiverEvents): void {
  if (transport === 'descriptor-channel') receiveDescriptors(events)
  else receiveNodeIpc(events)
}
