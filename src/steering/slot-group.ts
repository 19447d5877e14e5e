// Opens the listening sockets of kernel steering where the options say.
import { lookup } from 'node:dns/promises'
import { rawAddress } from '../affinity/address.ts'
import { codeOf } from '../errors.ts'
import type { Instruction } from '../native/cbpf.ts'
import type { Libc } from '../native/libc.ts'
import { openGroup, type SlotGroup } from '../native/reuseport.ts'
import type { Address } from '../protocol.ts'
import { explainListenError, withoutIPv6, type ListenOptions } from './listen.ts'

/**
 * One socket per slot.
 *
 * @throws StickyError HOLDFAST_PORT_IN_USE, HOLDFAST_PORT_DENIED or HOLDFAST_LISTEN_FAILED
 */
export async function openSlotGroup(
  libc: Libc,
  { port, host, backlog }: ListenOptions,
  program: readonly Instruction[],
): Promise<{ group: SlotGroup; address: Address }> {
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
      if (!withoutIPv6.has(codeOf(error) ?? '')) throw error
      return open(Buffer.alloc(4), '0.0.0.0')
    }
  } catch (error) {
    throw explainListenError(error, { port, host, backlog })
  }
}
