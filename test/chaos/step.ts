// One step: its actions, then time to settle, then everything that has to be true again.
import { setTimeout as pause } from 'node:timers/promises'
import { act } from './actions.ts'
import {
  asMeant,
  everybodyCounted,
  everybodySticks,
  noDescriptorLeft,
  onlyVictimsNoticed,
  pidsOf,
  settled,
} from './invariants.ts'
import type { Step } from './plan.ts'
import type { Stage } from './stage.ts'

/** What one part of the play came to. */
export interface Outcome {
  complaints: string[]
  /** Clients that were cut off and had to be. */
  cutOff: number
}

/** What a reload and a scaling say when a process of theirs does not get ready. */
const REFUSALS = ['HOLDFAST_RELOAD_FAILED', 'HOLDFAST_WORKER_NOT_READY']

/** @param base - see baseDescriptors */
export async function playStep(stage: Stage, { actions }: Step, base: number): Promise<Outcome> {
  const { balancer, load } = stage
  const since = performance.now()
  const before = pidsOf(await balancer.status())
  stage.next()
  await stage.noteOwners()
  const alone = actions.length === 1
  const complaints = (await Promise.all(actions.map((one) => attempt(stage, one, alone)))).flat()
  complaints.push(...(await settled(stage)))
  await load.rest()
  complaints.push(...(await noDescriptorLeft(stage, base)))
  complaints.push(...(await everybodyCounted(stage)))
  complaints.push(...(await everybodySticks(stage)))
  const noticed = await onlyVictimsNoticed(stage, since)
  complaints.push(...noticed.complaints)
  // Of two actions at once each may change what the other meant to do.
  if (alone)
    for (const { action } of actions) complaints.push(...asMeant(action, before, pidsOf(await balancer.status())))
  load.go()
  return { complaints, cutOff: noticed.fair }
}

async function attempt(stage: Stage, { action, after }: Step['actions'][number], alone: boolean): Promise<string[]> {
  await pause(after)
  try {
    await act(stage, action)
    return []
  } catch (error) {
    const { code = '', message } = error as Error & { code?: string }
    // One of two may kill what the other one starts.
    return !alone && REFUSALS.includes(code) ? [] : [`${action.kind}: ${message}`]
  }
}
