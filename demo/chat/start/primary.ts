// The primary, or the one process that there is: finds a port, starts the workers, says where they are.
import { StickyError, type Sticky, type StickyOptions } from 'holdfast'
import { announce } from './announce.ts'
import type { Flags } from './flags.ts'
import { MissingRedis, startPrivateRedis } from './private-redis.ts'

type Listen = (options: StickyOptions) => Sticky

/** How many ports after the wanted one are tried. */
const ATTEMPTS = 20

/** EX_CONFIG of sysexits.h, and what it is for: trying again would not help. */
const BAD_CONFIGURATION = 78
const configuration = new Set(['HOLDFAST_BAD_OPTION', 'HOLDFAST_PORT_DENIED', 'HOLDFAST_PORT_IN_USE'])

export async function runPrimary(flags: Flags, listen: Listen): Promise<void> {
  try {
    if (flags.redis) process.env['REDIS_URL'] = (await startPrivateRedis()).path
    const sticky = await listenSomewhere(flags, listen, {
      ...(flags.workers === undefined ? {} : { workers: flags.workers }),
      // Whoever presses "kill my worker" over and over should not wait for half a minute.
      restart: { maxDelay: 2_000 },
      shutdown: { deadline: 1_000 },
    })
    announce(sticky, flags.balance, flags.redis ? 'private' : process.env['REDIS_URL'])
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    const known = error instanceof StickyError || error instanceof MissingRedis || configuration.has(code)
    if (!known || !(error instanceof Error)) throw error
    console.error(`${code}: ${error.message}`)
    process.exit(configuration.has(code) ? BAD_CONFIGURATION : 1)
  }
}

async function listenSomewhere(flags: Flags, listen: Listen, options: StickyOptions): Promise<Sticky> {
  for (let port = flags.port; ; port++) {
    const sticky = listen({ ...options, port })
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
