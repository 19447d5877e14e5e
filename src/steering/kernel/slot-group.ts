// The listening sockets of kernel steering, one per slot, on the address that the options name.
import { lookup } from 'node:dns/promises'
import { rawAddress } from '../../affinity/address.ts'
import { codeOf } from '../../errors.ts'
import { encodeProgram, type Instruction } from '../../native/cbpf.ts'
import type { Libc } from '../../native/libc.ts'
import { addressOf } from '../../native/listening.ts'
import { adoptGroup, openGroup, type SlotGroup } from '../../native/reuseport.ts'
import type { Address } from '../../ipc/messages.ts'
import { explainListenError, NO_IPV6_CODES, type ListenOptions } from '../listen.ts'
import type { PassedSockets } from '../../service-manager/kept-sockets.ts'

interface OpenGroup {
  group: SlotGroup
  address: Address
}

/**
 * Takes over the sockets that were passed in, or opens new ones.
 *
 * @throws StickyError HOLDFAST_PORT_IN_USE, HOLDFAST_PORT_DENIED, HOLDFAST_LISTEN_FAILED or HOLDFAST_BAD_ACTIVATION
 */
export async function slotGroup(
  libc: Libc,
  options: ListenOptions,
  program: readonly Instruction[],
  passed: PassedSockets,
): Promise<OpenGroup> {
  const bytes = encodeProgram(program)
  const sockets = await passed.group(options, bytes)
  if (sockets !== undefined) {
    const address = addressOf(libc, sockets[0] ?? -1)
    return { group: adoptGroup(libc, sockets, address.port), address }
  }
  const opened = await openSlotGroup(libc, options, program)
  passed.keepGroup(opened.group.sockets, options, bytes)
  return opened
}

async function openSlotGroup(
  libc: Libc,
  { port, host, backlog }: ListenOptions,
  program: readonly Instruction[],
): Promise<OpenGroup> {
  const open = (bytes: Buffer, text: string) => {
    const group = openGroup(libc, { address: bytes, port, backlog, program })
    const family: Address['family'] = bytes.length === 4 ? 'IPv4' : 'IPv6'
    return { group, address: { address: text, family, port: group.port } }
  }
  try {
    if (host !== undefined) {
      const { address } = await lookup(host)
      return open(rawAddress(address), address)
    }
    try {
      return open(Buffer.alloc(16), '::')
    } catch (error) {
      if (!NO_IPV6_CODES.has(codeOf(error) ?? '')) throw error
      return open(Buffer.alloc(4), '0.0.0.0')
    }
  } catch (error) {
    throw explainListenError(error, { port, host, backlog })
  }
}
