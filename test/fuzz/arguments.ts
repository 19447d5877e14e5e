// The command line of the fuzz run.
import { parseArgs } from 'node:util'
import { integer, UsageError } from '../support/usage.ts'

export interface Arguments {
  help: boolean
  seed: number
  inputs: number
}

const INPUTS = 1_000_000
const QUICK_INPUTS = 50_000

const MAX_SEED = 0xffffffff

/**
 * @param luck - random number from 0 to 1, which makes the seed if there is no --seed
 * @throws UsageError
 */
export function readArguments(args: readonly string[], luck: number): Arguments {
  const values = parse(args)
  return {
    help: values.help === true,
    seed: integer('seed', values.seed, 0, MAX_SEED) ?? Math.floor(luck * 1_000_000),
    inputs: integer('inputs', values.inputs, 1, 1e12) ?? (values.quick === true ? QUICK_INPUTS : INPUTS),
  }
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = { seed: text, inputs: text, quick: flag, help: { ...flag, short: 'h' } } as const
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}
