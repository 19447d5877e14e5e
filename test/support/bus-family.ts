// Workers of a real balancer, each with a bus under the command of the test.
import type { Test } from 'tap'
import type { BusOptions } from '../../src/broadcast.ts'
import type { StickyOptions } from '../../src/index.ts'
import { startBalancer, type Balancer } from './balancer.ts'
import type { BusProbe } from './bus-probe.ts'
import { switchboard, type Remote } from './remote.ts'

export interface BusFamily {
  balancer: Balancer
  members: [Remote<BusProbe>, Remote<BusProbe>, Remote<BusProbe>]
  /** The process that replaces the process `than` as the worker. */
  successor(worker: number, than: number): Promise<Remote<BusProbe>>
}

export interface BusFamilyOptions {
  bus?: BusOptions
  options?: StickyOptions
  env?: Record<string, string>
}

export async function busFamily(t: Test, { bus = {}, options = {}, env = {} }: BusFamilyOptions): Promise<BusFamily> {
  const { port, find } = await switchboard(t)
  const balancer = await startBalancer(t, {
    fixture: 'bus-app',
    options: { workers: 3, ...options },
    env: { REDIS_URL: '', FIXTURE_SWITCHBOARD: String(port), FIXTURE_BUS: JSON.stringify(bus), ...env },
  })
  const member = (id: number) => find<BusProbe>(({ worker }) => worker === id)
  return {
    balancer,
    members: [await member(0), await member(1), await member(2)],
    successor: (id, than) => find<BusProbe>(({ worker, pid }) => worker === id && pid !== than),
  }
}
