// What runs in a lesser way on this machine, or was set unwisely: one log line each at the start.
import { availableParallelism } from 'node:os'
import type { Settings } from '../options/settings.ts'
import { fallbackReason } from '../slots/hash.ts'
import type { Native } from '../transport/choose.ts'

export function logDegraded({ logger, workers, balance, session }: Settings, { transport, reason }: Native): void {
  if (transport.name === 'node-ipc') logger.info('transport.fallback', { transport: transport.name, reason })
  if (fallbackReason !== undefined) logger.warn('hash.portable', { reason: fallbackReason })
  if (balance !== 'address' && session.length === 0) {
    logger.info('balance.without-address', {
      balance,
      hint: 'only sessions keep clients: attachSocketIO, or the session option',
    })
  }
  const cores = availableParallelism()
  if (workers > cores) logger.warn('workers.many', { workers, cores, hint: 'more than one per core seldom helps' })
}
