// One step: its actions, then time to settle, then the checks.
import { setTimeout as pause } from 'node:timers/promises'
import { act } from './actions.ts'
import {
  asMeant,
  allConnectionsCounted,
  allClientsStick,
  noDescriptorLeft,
  onlyVictimsFailed,
  pidsOf,
  settled,
} from './invariants.ts'
import type { Step } from './plan.ts'
import type { Stage } from './stage.ts'

/** Result of one part of the run. */
export interface Outcome {
  complaints: string[]
  /** Number of clients that were cut off and had to be. */
  cutOff: number
}

/** Codes with which a reload or a scaling fails when a new process does not become ready. */
const REFUSALS = ['HOLDFAST_RELOAD_FAILED', 'HOLDFAST_WORKER_NOT_READY']

/** @param base - see baseDescriptors */
export async function playStep(stage: Stage, { actions }: Step, base: number): Promise<Outcome> {
  const { balancer, load } = stage
  const since = performance.now()
  const before = pidsOf(await balancer.status())
  stage.next()
  await stage.noteOwners()
  const isOnlyAction = actions.length === 1
  const complaints = (await Promise.all(actions.map((one) => attempt(stage, one, isOnlyAction)))).flat()
  complaints.push(...(await settled(stage)))
  await load.rest()
  complaints.push(...(await noDescriptorLeft(stage, base)))
  complaints.push(...(await allConnectionsCounted(stage)))
  complaints.push(...(await allClientsStick(stage)))
  const noticed = await onlyVictimsFailed(stage, since)
  complaints.push(...noticed.complaints)
  // Two actions at once may change each other's effect.
  if (isOnlyAction)
    for (const { action } of actions) complaints.push(...asMeant(action, before, pidsOf(await balancer.status())))
  load.go()
  return { complaints, cutOff: noticed.fair }
}

async function attempt(
  stage: Stage,
  { action, after }: Step['actions'][number],
  isOnlyAction: boolean,
): Promise<string[]> {
  await pause(after)
  try {
    await act(stage, action)
    return []
  } catch (error) {
    const { code = '', message } = error as Error & { code?: string }
    // One action may kill a process that the other one starts.
    return !isOnlyAction && REFUSALS.includes(code) ? [] : [`${action.kind}: ${message}`]
  }
}
