// What every demo does around its one call: reads the flags, finds a port, says where to go. Workers only make the call.
import { StickyError, type Sticky, type StickyOptions } from 'holdfast'
import { MissingRedis, startPrivateRedis } from '../chat/start/private-redis.ts'
import { announce, type More } from './announce.ts'
import { MissingProgram } from './companion.ts'
import { readFlags, type About, type Flags } from './flags.ts'
import { narrator } from './narrator.ts'

/** The call that an application makes. */
type Listen = (options: StickyOptions) => Sticky

/** How many ports after the wanted one are tried. */
const ATTEMPTS = 20

/** EX_CONFIG of sysexits.h, and what it is for: trying again would not help. */
const BAD_CONFIGURATION = 78
const configuration = new Set(['HOLDFAST_BAD_OPTION', 'HOLDFAST_PORT_DENIED', 'HOLDFAST_PORT_IN_USE'])

/** @param tries - printed with the address to open */
export function runDemo(about: About, listen: Listen, tries: More['tries']): Promise<void> {
  return inBothRoles(about, listen, async (flags) => {
    await redisFor(flags)
    await announce(about, await listenSomewhere(flags, listen), { tries })
  })
}

/**
 * For a demo that does more than that in the primary. What a user can do something about ends it with one line and a
 * code; anything else is a bug, and looks like one.
 */
export async function inBothRoles(
  about: About,
  listen: Listen,
  primary: (flags: Flags) => Promise<void>,
): Promise<void> {
  const flags = readFlags(about, process.argv.slice(2), process.env)
  // The primary starts this same program again for each worker.
  if (process.env['HOLDFAST_WORKER'] !== undefined) return void listen({ logger: narrator })
  try {
    await primary(flags)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const missing = error instanceof MissingRedis || error instanceof MissingProgram
    const known = error instanceof StickyError || missing || configuration.has(code)
    if (!known || !(error instanceof Error)) throw error
    console.error(`${code}: ${error.message}`)
    process.exit(configuration.has(code) ? BAD_CONFIGURATION : 1)
  }
}

/** With --redis the workers find one of our own in REDIS_URL. */
export async function redisFor({ redis }: Flags): Promise<void> {
  if (redis) process.env['REDIS_URL'] = (await startPrivateRedis()).path
}

/** On the port of the flags or, where none was insisted on, on the first free one after it. */
export async function listenSomewhere(flags: Flags, listen: Listen): Promise<Sticky> {
  for (let port = flags.port; ; port++) {
    const sticky = listen({
      port,
      ...(flags.workers === undefined ? {} : { workers: flags.workers }),
      shutdown: { deadline: 1_000 },
      logger: narrator,
    })
    try {
      await sticky.ready
      return sticky
    } catch (error) {
      if (!(error instanceof StickyError && error.code === 'HOLDFAST_PORT_IN_USE')) {
        await sticky.close({ deadline: 0 })
        throw error
      }
      if (flags.fixedPort || port >= Math.min(flags.port + ATTEMPTS, 65535)) throw error
      console.log(`Port ${port} is taken, trying ${port + 1}.`)
    }
  }
}
