// Does the kernel pick the slot that the balancer computes? Asked of a group of its own on loopback, before the real one
// is opened: a kernel, container or filter that steers otherwise must not be trusted with clients.
import { once } from 'node:events'
import { connect } from 'node:net'
import { bytesKey, rawAddress } from '../../affinity/address.ts'
import { describe } from '../../errors.ts'
import type { Instruction } from '../../native/cbpf.ts'
import type { Libc } from '../../native/libc.ts'
import { openGroup, type SlotGroup } from '../../native/reuseport.ts'
import type { AffinitySettings } from '../../options/settings.ts'
import { slotOfKey } from '../../slots/hash.ts'

/** Addresses to connect from; several, because one in 256 is right by accident. */
const IPV4_SOURCES = ['127.0.0.1', '127.0.0.2', '127.8.9.10', '127.200.1.77', '127.255.0.3']
const TIMEOUT = 2_000

/** @returns what is wrong, in words; undefined when everything agrees */
export async function selfTest(
  libc: Libc,
  program: readonly Instruction[],
  affinity: AffinitySettings,
  ipv6: boolean,
): Promise<string | undefined> {
  // The dual-stack socket of production sees IPv4 clients too; the mapped loopback address shows that.
  const ipv4 = ipv6 ? '::ffff:127.0.0.1' : '127.0.0.1'
  try {
    const wrong = await tryGroup(libc, program, affinity, ipv4, '127.0.0.1', IPV4_SOURCES)
    return wrong ?? (ipv6 ? await tryGroup(libc, program, affinity, '::1', '::1', ['::1']) : undefined)
  } catch (error) {
    return describe(error)
  }
}

async function tryGroup(
  libc: Libc,
  program: readonly Instruction[],
  affinity: AffinitySettings,
  listenOn: string,
  host: string,
  sources: readonly string[],
): Promise<string | undefined> {
  const address = rawAddress(listenOn)
  const group = openGroup(libc, { address, port: 0, backlog: 8, program })
  try {
    for (const source of sources) {
      const wrong = await tryClient(libc, group, affinity, host, source)
      if (wrong !== undefined) return wrong
    }
    return undefined
  } finally {
    group.close()
  }
}

async function tryClient(
  libc: Libc,
  group: SlotGroup,
  affinity: AffinitySettings,
  host: string,
  source: string,
): Promise<string | undefined> {
  const expected = slotOfKey(bytesKey(rawAddress(source), affinity), affinity.seed)
  const client = connect({ host, port: group.port, localAddress: source })
  try {
    await once(client, 'connect', { signal: AbortSignal.timeout(TIMEOUT) })
    const accepted = group.accept(expected)
    if (accepted !== undefined) libc.close(accepted.fd)
    if (accepted?.port === client.localPort) return undefined
    const actual = group.sockets.findIndex((_, slot) => group.queued(slot) > 0)
    return `a client from ${source} belongs to slot ${expected}, the kernel put it into ${actual}`
  } finally {
    client.destroy()
  }
}
