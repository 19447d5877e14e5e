// Tells which worker serves a client, with the reason as a sentence, for people and for tests.
import { addressKey } from '../affinity/address.ts'
import { misuse, show } from '../options/reader.ts'
import type { Settings } from '../options/settings.ts'
import { fingerprint32, seeded, slotOf } from '../slots/hash.ts'
import { slotTable, type SlotTable } from '../slots/slot-table.ts'
import type { SteeringName } from '../steering/steering.ts'
import type { Explanation } from '../sticky.ts'

/** @throws TypeError with code HOLDFAST_BAD_OPTION when `address` is not an IP address */
export function explain(
  address: string,
  { affinity, balance }: Pick<Settings, 'affinity' | 'balance'>,
  table: SlotTable,
  workers: number,
  steering: SteeringName,
): Explanation {
  const key = typeof address === 'string' ? addressKey(address, affinity) : undefined
  if (key === undefined) {
    throw misuse(TypeError, `explain: expected an IP address, got ${show(address)}; write explain('192.0.2.7')`)
  }
  const hash = fingerprint32(seeded(key, affinity.seed))
  const slot = slotOf(hash)
  const worker = table.owners[slot] ?? 0
  const home = slotTable(workers).owners[slot]
  const failedOver = home === worker ? '' : `, failed over to it while worker ${home} is down`
  const reason = `key ${key.toString('hex')} has hash ${hash}, slot ${slot}; worker ${worker} owns it${failedOver}`
  if (balance === 'address') return { address, key, hash, slot, worker, steering, reason }
  const perConnection = `connections go to any worker (balance: '${balance}'), requests by their session; by its address: `
  return { address, key, hash, slot, worker, steering, reason: `${perConnection}${reason}` }
}
