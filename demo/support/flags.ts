// A demo's command line, and the environment variables that stand in for missing flags.
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'

/** Description of one demo. */
export interface About {
  /** Name of the demo, as in `npm run demo:name`. */
  name: string
  /** What the demo shows, in one sentence. */
  shows: string
  /** Smallest useful number of workers. @default 0, one process without a balancer */
  minWorkers?: number
  /** Texts about Redis; undefined: the demo does not use Redis. */
  redis?: RedisWords
}

export interface RedisWords {
  /** What is different without Redis. */
  none: string
  /** What is different after the private Redis has ended. */
  ended: string
}

export interface Flags {
  port: number
  /** The port is from --port, so no other port may be used. */
  fixedPort: boolean
  workers: number
  /** Start a private redis-server. */
  redis: boolean
}

/** EX_USAGE of sysexits.h. */
const BAD_USAGE = 64

/** Ends the process after --help and after an invalid command line. */
export function readFlags(about: About, args: string[], env: NodeJS.ProcessEnv): Flags {
  let flags: Flags | 'help'
  try {
    flags = parse(about, args, env)
  } catch (error) {
    if (!(error instanceof Error)) throw error
    process.stderr.write(`${error.message}\n\n${usage(about)}`)
    process.exit(BAD_USAGE)
  }
  if (flags !== 'help') return flags
  process.stdout.write(usage(about))
  return process.exit(0)
}

function parse({ redis, minWorkers = 0 }: About, args: string[], env: NodeJS.ProcessEnv): Flags | 'help' {
  const { values } = parseArgs({
    args,
    options: {
      port: { type: 'string' },
      workers: { type: 'string' },
      redis: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return 'help'
  if (values.redis && !redis) throw new TypeError('--redis: this demo has no use for Redis')
  const workers = (name: string, text: string | undefined) => integer(name, text, minWorkers, 256)
  return {
    port: integer('--port', values.port, 0, 65535) ?? integer('PORT', env['PORT'] || undefined, 0, 65535) ?? 3000,
    fixedPort: values.port !== undefined,
    // Holdfast reads WEB_CONCURRENCY too, but does not know how many workers this demo needs.
    workers:
      workers('--workers', values.workers) ??
      workers('WEB_CONCURRENCY', env['WEB_CONCURRENCY'] || undefined) ??
      defaultWorkers(),
    redis: values.redis,
  }
}

function integer(name: string, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  throw new RangeError(`${name}: expected a whole number from ${min} to ${max}, got '${text}'`)
}

/** At least two workers, to have something to see, and at most one per colour. */
function defaultWorkers(): number {
  return Math.min(Math.max(availableParallelism(), 2), 8)
}

function usage({ name, shows, redis, minWorkers = 0 }: About): string {
  const zeroWorkers = minWorkers === 0 ? '; 0: no balancer' : ''
  const lines = [
    ['--port N', 'listen on this port only (default: PORT, else 3000, else the next free one)'],
    [
      '--workers N',
      `worker processes, ${minWorkers} to 256 (default: WEB_CONCURRENCY, else one per core, 2 to 8)${zeroWorkers}`,
    ],
    ...(redis ? [['--redis', 'start a private redis-server for it, instead of the one in REDIS_URL']] : []),
    ['--help', 'show this'],
  ]
  const options = lines.map(([flag = '', text]) => `  ${flag.padEnd(13)}${text}`).join('\n')
  return `Usage: npm run demo:${name} -- [options]\n\n${shows}\n\n${options}\n`
}
