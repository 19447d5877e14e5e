// The primary, or the only process: it finds a port, starts the workers and prints the addresses.
import type { Sticky, StickyOptions } from 'holdfast'
import { listenFrom } from '../../support/find-port.ts'
import { endWith } from '../../support/known-errors.ts'
import { settleRedis } from '../../support/settle-redis.ts'
import { announce } from './announce.ts'
import type { Flags } from './flags.ts'

/** What is different for the chat after its private Redis has ended. */
const ended = 'tabs of different workers are apart now'

type Listen = (options: StickyOptions) => Sticky

export async function runPrimary(flags: Flags, listen: Listen): Promise<void> {
  try {
    const redis = await settleRedis(flags.redis, ended)
    const options: StickyOptions = {
      ...(flags.workers === undefined ? {} : { workers: flags.workers }),
      // A user that presses "Kill my worker" again and again should not wait for half a minute.
      restart: { maxDelay: 2_000 },
      shutdown: { deadline: 1_000 },
      admin: 0,
    }
    const sticky = await listenFrom(flags, (port) => listen({ ...options, port }))
    announce(sticky, flags.balance, redis)
  } catch (error) {
    endWith(error)
  }
}
