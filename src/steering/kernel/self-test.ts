// Whether the kernel picks the slot that the balancer computes. Real connections to sockets on loopback show it, before
// the port is opened: a kernel, a container or a filter may steer in another way.
import { once } from 'node:events'
import { connect } from 'node:net'
import { bytesKey, rawAddress } from '../../affinity/address.ts'
import { describe } from '../../errors.ts'
import type { Instruction } from '../../native/cbpf.ts'
import type { Libc } from '../../native/libc.ts'
import { openGroup, type SlotGroup } from '../../native/reuseport.ts'
import type { AffinitySettings } from '../../options/settings.ts'
import { slotOfKey } from '../../slots/hash.ts'

/** Addresses to connect from: several, because one of 256 reaches the right slot by accident. */
const IPV4_SOURCES = ['127.0.0.1', '127.0.0.2', '127.8.9.10', '127.200.1.77', '127.255.0.3']

/** Milliseconds for one connection on loopback. */
const CONNECT_TIMEOUT = 2_000

/**
 * Tests the program on sockets of its own.
 *
 * @param ipv6 - whether to test IPv6 too
 * @returns what went wrong, in words; undefined when kernel and balancer agree
 */
export async function selfTest(
  libc: Libc,
  program: readonly Instruction[],
  affinity: AffinitySettings,
  ipv6: boolean,
): Promise<string | undefined> {
  // The real sockets take IPv4 clients over IPv6 sockets where there are both; a mapped loopback address tests that.
  const ipv4 = ipv6 ? '::ffff:127.0.0.1' : '127.0.0.1'
  try {
    const failure = await testGroup(libc, program, affinity, ipv4, '127.0.0.1', IPV4_SOURCES)
    return failure ?? (ipv6 ? await testGroup(libc, program, affinity, '::1', '::1', ['::1']) : undefined)
  } catch (error) {
    return describe(error)
  }
}

async function testGroup(
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
      const failure = await testClient(libc, group, affinity, host, source)
      if (failure !== undefined) return failure
    }
    return undefined
  } finally {
    group.close()
  }
}

async function testClient(
  libc: Libc,
  group: SlotGroup,
  affinity: AffinitySettings,
  host: string,
  source: string,
): Promise<string | undefined> {
  const expected = slotOfKey(bytesKey(rawAddress(source), affinity), affinity.seed)
  const client = connect({ host, port: group.port, localAddress: source })
  try {
    await once(client, 'connect', { signal: AbortSignal.timeout(CONNECT_TIMEOUT) })
    const accepted = group.accept(expected)
    if (accepted !== undefined) libc.close(accepted.fd)
    if (accepted?.port === client.localPort) return undefined
    const actual = group.sockets.findIndex((_, slot) => group.queued(slot) > 0)
    return `a client from ${source} belongs to slot ${expected}, the kernel put it into ${actual}`
  } finally {
    client.destroy()
  }
}
