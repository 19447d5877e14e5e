// The primary: finds a port, starts the workers, says where they are.
import { StickyError, type PrimarySticky, type Sticky, type StickyOptions } from 'holdfast'
import { announce } from './announce.ts'
import type { Flags } from './flags.ts'
import { MissingRedis, startPrivateRedis } from './private-redis.ts'

type Listen = (options: StickyOptions) => Sticky

/** How many ports after the wanted one are tried. */
const ATTEMPTS = 20

export async function runPrimary(flags: Flags, listen: Listen): Promise<void> {
  try {
    const redis = flags.redis ? await startPrivateRedis() : undefined
    const sticky = await listenSomewhere(flags, listen, {
      ...(flags.workers === undefined ? {} : { workers: flags.workers }),
      ...(redis === undefined ? {} : { env: { REDIS_URL: redis.path } }),
      // Whoever presses "kill my worker" over and over should not wait for half a minute.
      restart: { maxDelay: 2_000 },
      shutdown: { deadline: 1_000 },
    })
    announce(sticky, redis === undefined ? process.env['REDIS_URL'] : 'private')
  } catch (error) {
    if (!(error instanceof StickyError || error instanceof MissingRedis)) throw error
    console.error(`${error.code}: ${error.message}`)
    process.exit(1)
  }
}

async function listenSomewhere(flags: Flags, listen: Listen, options: StickyOptions): Promise<PrimarySticky> {
  for (let port = flags.port; ; port++) {
    const sticky = listen({ ...options, port })
    if (sticky.role === 'worker') throw new Error('a worker was asked to be the primary')
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
