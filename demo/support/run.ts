// What every demo does around its one call: it reads the flags, finds a port and prints the addresses. Workers only
// make the call.
import type { Sticky, StickyOptions } from 'holdfast'
import { announce, type More } from './announce.ts'
import { listenFrom } from './find-port.ts'
import { readFlags, type About, type Flags } from './flags.ts'
import { endWith } from './known-errors.ts'
import { narrate } from './narrator.ts'
import { redisPlace } from './redis-place.ts'
import { settleRedis } from './settle-redis.ts'

const narrator = narrate()

/** The call that an application makes. */
type Listen = (options: StickyOptions) => Sticky

/** @param tries - lines to print after the address */
export function runDemo(about: About, listen: Listen, tries: More['tries']): Promise<void> {
  return inBothRoles(about, listen, async (flags) => {
    const facts = await redisFor(about, flags)
    await announce(about, await listenSomewhere(flags, listen), { tries, facts })
  })
}

/** For a demo that does more in the primary. */
export async function inBothRoles(
  about: About,
  listen: Listen,
  primary: (flags: Flags) => Promise<void>,
): Promise<void> {
  const flags = readFlags(about, process.argv.slice(2), process.env)
  // The primary starts this program again for each worker.
  if (process.env['HOLDFAST_WORKER'] !== undefined) return void listen({ logger: narrator })
  try {
    await primary(flags)
  } catch (error) {
    endWith(error)
  }
}

/**
 * With --redis, starts a private Redis and sets REDIS_URL for the workers.
 *
 * @returns the line that describes the Redis
 */
export async function redisFor({ redis: words }: About, flags: Flags): Promise<Record<string, string>> {
  if (words === undefined) return {}
  const place = redisPlace(await settleRedis(flags.redis, words.ended))
  return { Redis: place ?? `none (REDIS_URL is not set); ${words.none}` }
}

/** Listens on the port of the flags or, without --port, on the first free port from there on. */
export function listenSomewhere(flags: Flags, listen: Listen): Promise<Sticky> {
  return listenFrom(flags, (port) =>
    listen({
      port,
      workers: flags.workers,
      shutdown: { deadline: 3_000 },
      logger: narrator,
    }),
  )
}
