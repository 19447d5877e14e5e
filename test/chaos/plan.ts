// Plans the actions on the balancer, step by step. The plan depends only on the seed, so that a seed that found a bug
// finds it again.
import { random, type Random } from '../support/random.ts'

/** An action on a running balancer. `worker` is an id modulo the number of workers; `ms` is in milliseconds. */
export type Action =
  | { kind: 'kill'; worker: number }
  /** SIGTERM that is not from the primary. */
  | { kind: 'terminate'; worker: number }
  /** The process is stopped for less than health.deadline, then continued. */
  | { kind: 'pause'; worker: number; ms: number }
  /** The process is stopped, and the chaos run never continues it. */
  | { kind: 'freeze'; worker: number }
  | { kind: 'block'; worker: number; ms: number }
  | { kind: 'leak'; worker: number }
  /** The process is killed, and the program fails at each start for a while. */
  | { kind: 'break'; worker: number; starts: number }
  /** The process has no descriptors left for a while. */
  | { kind: 'exhaust'; worker: number; ms: number }
  /** Clients connect and reset. */
  | { kind: 'resets'; clients: number }
  | { kind: 'reload' }
  | { kind: 'scale'; workers: number }

export type Kind = Action['kind']

/** One or two actions at once; each starts `after` milliseconds after the start of the step. */
export interface Step {
  actions: readonly { action: Action; after: number }[]
}

/** All kinds of steps: one kind of action, or two at once. */
const KINDS_OF_STEPS = [
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

const KINDS = KINDS_OF_STEPS.filter((card) => card !== 'two')

/**
 * The steps of run number `run`.
 *
 * The kinds are shuffled once and used in turn. Each run continues where the run before it ends, so that several short
 * runs together, and one long run, use all kinds.
 */
export function plan(seed: number, steps: number, run: number): Step[] {
  const deck = shuffled(KINDS_OF_STEPS, random(seed))
  const next = random(seed + run * 7919)
  let workers = WORKERS
  return Array.from({ length: steps }, (_, n) => {
    const step = deal(deck[(run * steps + n) % deck.length]!, next, workers)
    for (const { action } of step.actions) if (action.kind === 'scale') workers = action.workers
    return step
  })
}

/** Whether run number `run` has a standby process; every other run has one. */
export function withStandby(seed: number, run: number): boolean {
  return (seed + run) % 2 === 1
}

function deal(card: (typeof KINDS_OF_STEPS)[number], next: Random, workers: number): Step {
  if (card !== 'two') return { actions: [{ action: draw(card, next, workers), after: 0 }] }
  const [first, second] = shuffled(KINDS, next)
  // The second action may meet the first one at any of its stages.
  const after = Math.floor(next() * 600)
  return {
    actions: [
      { action: draw(first!, next, workers), after: 0 },
      { action: draw(second!, next, workers), after },
    ],
  }
}

/** @param workers - current number of workers */
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

/** Describes an action for the log. */
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
