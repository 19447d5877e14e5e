// Measures the steps from an address to a worker, and prints JSON. It is a separate program, so that any Node can run
// it.
import { addressKey, bytesKey } from '../../src/affinity/address.ts'
import { fingerprint32 as portable } from '../../src/slots/fingerprint32.ts'
import { fallbackReason, fingerprint32, seeded, slotOf } from '../../src/slots/hash.ts'
import { slotTable } from '../../src/slots/slot-table.ts'

const rounds = Number(process.argv[2])
const calls = Number(process.argv[3])

const affinity = { ipv4Prefix: 32, ipv6Prefix: 64, seed: 0 }
const { owners } = slotTable(8)
const v4 = Buffer.from([192, 0, 2, 7])
const v6 = Buffer.from('20010db8000000010000000000000007', 'hex')
const key8 = v6.subarray(0, 8)

/** The results are kept here, so that the compiler does not remove the work. */
let sink = 0

const steps: [label: string, step: () => number][] = [
  ['key of 4 address bytes', () => bytesKey(v4, affinity).length],
  ['key of 16 address bytes', () => bytesKey(v6, affinity).length],
  ["key of '192.0.2.7'", () => addressKey('192.0.2.7', affinity)?.length ?? 0],
  ["key of '::ffff:192.0.2.7'", () => addressKey('::ffff:192.0.2.7', affinity)?.length ?? 0],
  ["key of '2001:db8:0:1::7'", () => addressKey('2001:db8:0:1::7', affinity)?.length ?? 0],
  ['FarmHash of 4 bytes, JavaScript', () => portable(v4)],
  ['FarmHash of 8 bytes, JavaScript', () => portable(key8)],
  ['slot and lookup', () => owners[slotOf(0xdeadbeef)] ?? 0],
  ['all of it, IPv4 bytes', () => owners[slotOf(fingerprint32(seeded(bytesKey(v4, affinity), 0)))] ?? 0],
  ['all of it, IPv6 bytes', () => owners[slotOf(fingerprint32(seeded(bytesKey(v6, affinity), 0)))] ?? 0],
  ['all of it, IPv4 bytes, seeded', () => owners[slotOf(fingerprint32(seeded(bytesKey(v4, affinity), 42)))] ?? 0],
]

const reason = fallbackReason()
if (reason === undefined) {
  const native: typeof steps = [
    ['FarmHash of 4 bytes, native', () => fingerprint32(v4)],
    ['FarmHash of 8 bytes, native', () => fingerprint32(key8)],
  ]
  steps.splice(5, 0, ...native)
}

const timings = steps.map(([label]) => ({ label, nanoseconds: [] as number[] }))
for (let round = 0; round <= rounds; round++) {
  for (const [i, [, step]] of steps.entries()) {
    const began = process.hrtime.bigint()
    for (let call = 0; call < calls; call++) sink += step()
    const elapsed = Number(process.hrtime.bigint() - began) / calls
    // The first round only lets Node compile the code.
    if (round > 0) timings[i]?.nanoseconds.push(elapsed)
  }
}
process.stdout.write(JSON.stringify({ timings, sink, fallbackReason: reason }))
