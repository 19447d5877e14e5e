// The command line of the soak run.
import { parseArgs } from 'node:util'
import { integer, UsageError } from '../support/usage.ts'
import { WAYS, type Way } from './ways.ts'

export interface Arguments {
  help: boolean
  /** Duration of each combination of a way and transports. */
  seconds: number
  only: Way['name'] | undefined
}

const SECONDS = 60
const QUICK_SECONDS = 5

/** @throws UsageError */
export function readArguments(args: readonly string[]): Arguments {
  const values = parse(args)
  const names = WAYS.map(({ name }) => name)
  const only = names.find((name) => name === values.only)
  if (values.only !== undefined && only === undefined) {
    throw new UsageError(`--only: expected one of ${names.join(', ')}, got '${values.only}'`)
  }
  return {
    help: values.help === true,
    seconds: integer('seconds', values.seconds, 1, 86_400) ?? (values.quick === true ? QUICK_SECONDS : SECONDS),
    only,
  }
}

function parse(args: readonly string[]) {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = { seconds: text, only: text, quick: flag, help: { ...flag, short: 'h' } } as const
  try {
    return parseArgs({ args: [...args], options }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}
