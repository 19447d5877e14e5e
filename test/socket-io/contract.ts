// What Socket.IO promises across workers, run against each adapter. Where an adapter deviates, the test is for its own
// behaviour, with the reason in the test's name.
import type { Test } from 'tap'
import { gather } from '../support/crowd.ts'
import type { Place } from '../support/socket-io.ts'
import { broadcastContract } from './broadcast-contract.ts'
import { clusterContract } from './cluster-contract.ts'

/** Promises that an adapter does not keep, and why. */
export type Deviations = Partial<Record<'order' | 'binary between servers', string>>

/** @param places - workers that know each other, on one host or several */
export async function adapterContract(t: Test, places: Place[], deviations: Deviations = {}): Promise<void> {
  const { order, 'binary between servers': asJson } = deviations
  const crowd = await gather(t, places, order === undefined ? 1 : 20)
  await broadcastContract(t, crowd, order)
  await clusterContract(t, crowd, asJson)
}
