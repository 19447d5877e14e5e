// The command line of the chaos run.
import { parseArgs } from 'node:util'
import { integer, UsageError } from '../support/usage.ts'
import { COMBINATIONS, type Combination } from './combinations.ts'

export interface Arguments {
  help: boolean
  seed: number
  /** Number of steps of each combination. */
  steps: number
  only: Combination['name'] | undefined
}

/** Steps of a full run: two rounds of all actions for each combination. */
const STEPS = 26

/** Steps of a quick run: one round of all actions over all combinations together. */
const QUICK_STEPS = 5

const MAX_SEED = 0xffffffff

/**
 * @param luck - random number from 0 to 1, which makes the seed if there is no --seed
 * @throws UsageError
 */
export function readArguments(args: readonly string[], luck: number): Arguments {
  const values = parse(args)
  const names = COMBINATIONS.map(({ name }) => name)
  const only = names.find((name) => name === values.only)
  if (values.only !== undefined && only === undefined) {
    throw new UsageError(`--only: expected one of ${names.join(', ')}, got '${values.only}'`)
  }
  return {
    help: values.help === true,
    seed: integer('seed', values.seed, 0, MAX_SEED) ?? Math.floor(luck * 1_000_000),
    steps: integer('steps', values.steps, 1, 100_000) ?? (values.quick === true ? QUICK_STEPS : STEPS),
    only,
  }
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = { seed: text, steps: text, only: text, quick: flag, help: { ...flag, short: 'h' } } as const
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}
