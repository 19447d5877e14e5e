// What is done to the balancer, step by step. Pure: a seed goes in, the whole plan comes out, so that a seed that found
// something finds it again.
import { random, type Random } from '../support/random.ts'

/** Something that is done to a running balancer. `worker` is an id modulo the number of workers; `ms` milliseconds. */
export type Action =
  | { kind: 'kill'; worker: number }
  /** SIGTERM by somebody who is not the primary. */
  | { kind: 'terminate'; worker: number }
  /** Stopped for less than health.deadline, then continued. */
  | { kind: 'pause'; worker: number; ms: number }
  /** Stopped, and never continued by us. */
  | { kind: 'freeze'; worker: number }
  | { kind: 'block'; worker: number; ms: number }
  | { kind: 'leak'; worker: number }
  /** Killed, while the program fails at each start for a while. */
  | { kind: 'break'; worker: number; starts: number }
  /** Out of descriptors. */
  | { kind: 'exhaust'; worker: number; ms: number }
  /** So many clients connect and reset. */
  | { kind: 'resets'; clients: number }
  | { kind: 'reload' }
  | { kind: 'scale'; workers: number }

export type Kind = Action['kind']

/** One or two actions at once, each begun so many milliseconds after the step. */
export interface Step {
  actions: readonly { action: Action; after: number }[]
}

/** What a step may be: one kind of action, or two at once. */
const CARDS = [
  'kill',
  'terminate',
  'pause',
  'freeze',
  'block',
  'leak',
  'break',
  'exhaust',
  'resets',
  'reload',
  'scale',
  'two',
  'two',
] as const

/** Workers at the start. */
export const WORKERS = 3

const KINDS = CARDS.filter((card) => card !== 'two')

/**
 * The steps of run number `run`.
 *
 * The cards are shuffled once and dealt on and on, and each run begins where the one before it ends: short runs
 * together play them all, and a long one does so alone.
 */
export function plan(seed: number, steps: number, run: number): Step[] {
  const deck = shuffled(CARDS, random(seed))
  const next = random(seed + run * 7919)
  let workers = WORKERS
  return Array.from({ length: steps }, (_, n) => {
    const step = deal(deck[(run * steps + n) % deck.length]!, next, workers)
    for (const { action } of step.actions) if (action.kind === 'scale') workers = action.workers
    return step
  })
}

/** Whether run number `run` has a standby process: every other one. */
export function withStandby(seed: number, run: number): boolean {
  return (seed + run) % 2 === 1
}

function deal(card: (typeof CARDS)[number], next: Random, workers: number): Step {
  if (card !== 'two') return { actions: [{ action: draw(card, next, workers), after: 0 }] }
  const [first, second] = shuffled(KINDS, next)
  // The second one meets the first at any of its stages.
  const after = Math.floor(next() * 600)
  return {
    actions: [
      { action: draw(first!, next, workers), after: 0 },
      { action: draw(second!, next, workers), after },
    ],
  }
}

/** @param workers - how many there are so far */
function draw(kind: Kind, next: Random, workers: number): Action {
  const from = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1))
  const worker = from(0, 59)
  switch (kind) {
    case 'kill':
    case 'terminate':
    case 'freeze':
    case 'leak':
      return { kind, worker }
    case 'pause':
      return { kind, worker, ms: from(100, 1_000) }
    case 'block':
      return { kind, worker, ms: from(100, 1_000) }
    case 'exhaust':
      return { kind, worker, ms: from(200, 700) }
    case 'break':
      return { kind, worker, starts: from(1, 5) }
    case 'resets':
      return { kind, clients: from(100, 1_000) }
    case 'reload':
      return { kind }
    case 'scale':
      return { kind, workers: [2, 3, 4, 5].filter((n) => n !== workers)[from(0, 2)]! }
  }
}

/** An action in words, for the log. */
export function describeAction(action: Action): string {
  return Object.values(action)
    .map((value, i) => (i === 0 ? String(value) : `${Object.keys(action)[i]}=${value}`))
    .join(' ')
}

function shuffled<T>(items: readonly T[], next: Random): T[] {
  const left = [...items]
  for (let i = left.length - 1; i > 0; i--) {
    const j = Math.floor(next() * (i + 1))
    ;[left[i], left[j]] = [left[j]!, left[i]!]
  }
  return left
}
