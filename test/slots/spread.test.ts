// Key, hash and table together: how evenly clients are spread over workers.
import { createHash } from 'node:crypto'
import t from 'tap'
import { addressKey } from '../../src/affinity/address.ts'
import { fingerprint32, seeded, slotOf } from '../../src/slots/hash.ts'
import { slotTable } from '../../src/slots/slot-table.ts'

t.test('clients spread over the workers as evenly as chance allows', async (t) => {
  // Each of m clients reaches a given one of n workers with probability 1/n: a binomial count with mean m/n and
  // variance m/n (1 - 1/n). One of 1.7 million such counts differs by more than five standard deviations; the addresses
  // are fixed.
  const [clients, workers] = [1000, 4]
  const bound = 5 * Math.sqrt((clients / workers) * (1 - 1 / workers))
  const { owners } = slotTable(workers)
  const random = Array.from({ length: clients }, (_, n) => createHash('sha256').update(`${n}`).digest())
  const sets = {
    random: random.map((bytes) => bytes.subarray(0, 4).join('.')),
    homes: random.map((bytes) => `2a02:${bytes.toString('hex', 0, 6).replaceAll(/.{4}(?!$)/g, '$&:')}::1`),
    inARow: Array.from({ length: clients }, (_, n) => `10.0.${n >> 8}.${n & 255}`),
    blocks: Array.from({ length: clients }, (_, n) => `2001:db8:${n.toString(16)}::1`),
  }
  for (const [name, addresses] of Object.entries(sets)) {
    for (const seed of [0, 0x5eed]) {
      const counts = [0, 0, 0, 0]
      for (const address of addresses) {
        const key = addressKey(address, { ipv4Prefix: 32, ipv6Prefix: 64, seed })!
        counts[owners[slotOf(fingerprint32(seeded(key, seed)))]!]!++
      }
      for (const count of counts) {
        t.ok(Math.abs(count - addresses.length / workers) < bound, `${name}, seed ${seed}: ${count}`)
      }
    }
  }
})
