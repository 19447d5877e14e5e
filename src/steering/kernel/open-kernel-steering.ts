// Kernel steering, where a test shows that it works on this machine.
import { networkInterfaces } from 'node:os'
import { steeringProgram } from '../../native/cbpf.ts'
import type { Libc } from '../../native/libc.ts'
import type { Settings } from '../../options/settings.ts'
import type { PassedSockets } from '../../service-manager/kept-sockets.ts'
import type { SlotTable } from '../../slots/slot-table.ts'
import type { World } from '../../world.ts'
import type { SteeringEvents } from '../steering.ts'
import { KernelSteering } from './kernel-steering.ts'
import { selfTest } from './self-test.ts'

/** @returns the reason, where kernel steering does not work here */
export async function openKernelSteering(
  settings: Settings,
  libc: Libc,
  table: SlotTable,
  events: SteeringEvents,
  passed: PassedSockets,
  world: World,
): Promise<KernelSteering | string> {
  const program = steeringProgram(settings.affinity)
  if (typeof program === 'string') return program
  const failure = await selfTest(libc, program, settings.affinity, hasIPv6())
  return failure === undefined
    ? new KernelSteering(settings, libc, program, table, events, passed, world)
    : `self-test: ${failure}`
}

function hasIPv6(): boolean {
  return Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'))
}
