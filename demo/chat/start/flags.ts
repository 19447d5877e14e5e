// The command line, and the environment variables that stand in for missing flags.
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import type { Balance } from 'holdfast'

export interface Flags {
  port: number
  /** The port is from --port, so no other port may be used. */
  fixedPort: boolean
  /** undefined: WEB_CONCURRENCY decides. */
  workers: number | undefined
  /** How a new connection gets its worker. */
  balance: Balance
  /** Start a private redis-server. */
  redis: boolean
}

const BALANCES: readonly Balance[] = ['address', 'round-robin', 'least-connections']

const usage = `Usage: npm run demo -- [options]

  --port N      listen on this port only (default: PORT, else 3000, else the next free one)
  --workers N   worker processes, 0 to 256 (default: WEB_CONCURRENCY, else one per core, 2 to 8); 0: no balancer
  --balance HOW address (default), round-robin or least-connections: picks the worker of a new connection
  --redis       start a private redis-server and broadcast through it
  --help        show this

With REDIS_URL set, broadcasts go through that Redis.
`

/** EX_USAGE of sysexits.h. */
const BAD_USAGE = 64

/** Ends the process after --help and after an invalid command line. */
export function readFlags(args: string[], env: NodeJS.ProcessEnv): Flags {
  let flags: Flags | 'help'
  try {
    flags = parse(args, env)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    process.stderr.write(`${error.message}\n\n${usage}`)
    process.exit(BAD_USAGE)
  }
  if (flags !== 'help') return flags
  process.stdout.write(usage)
  return process.exit(0)
}

function parse(args: string[], env: NodeJS.ProcessEnv): Flags | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      port: { type: 'string' },
      workers: { type: 'string' },
      balance: { type: 'string', default: 'address' },
      redis: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  return {
    port: integer('--port', values.port, 0, 65535) ?? integer('PORT', env['PORT'] || undefined, 0, 65535) ?? 3000,
    fixedPort: values.port !== undefined,
    workers: integer('--workers', values.workers, 0, 256) ?? defaultWorkers(env),
    balance: balance(values.balance),
    redis: values.redis,
  }
}

function integer(name: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  throw new RangeError(`${name}: expected a whole number from ${min} to ${max}, got '${text}'`)
}

function balance(text: string): Balance {
  const found = BALANCES.find((name) => name === text)
  if (found === undefined) throw new RangeError(`--balance: expected ${BALANCES.join(' or ')}, got '${text}'`)
  return found
}

/** At least two workers, to have something to see, and at most one per colour. */
function defaultWorkers(env: NodeJS.ProcessEnv): number | undefined {
  return env['WEB_CONCURRENCY'] ? undefined : Math.min(Math.max(availableParallelism(), 2), 8)
}
