// A counter that all workers share: a message per hit, a batch per turn, or Redis.
import { createServer } from 'node:http'
import { stickyListen, type Sticky, type StickyOptions } from 'holdfast'
import { announce } from '../support/announce.ts'
import { inBothRoles, listenSomewhere, redisFor } from '../support/run.ts'
import { countForWorkers } from './naive.ts'

const about = {
  name: 'counter',
  shows: 'One number that all workers share, by a message per hit, by batches, and by Redis.',
  minWorkers: 1,
  redis: { none: 'that number is off', ended: 'its number stands still, the others count on' },
}

await inBothRoles(about, listen, async (flags) => {
  const facts = await redisFor(about, flags)
  let sticky: Sticky | undefined
  countForWorkers(() => (sticky?.role === 'primary' ? sticky.status().bus.frames : 0))
  sticky = await listenSomewhere(flags, listen)
  await announce(about, sticky, {
    facts,
    tries: (url) => [
      'Open both addresses: two workers, the same numbers, live.',
      'Press "+1000" each way, and see what it costs the primary. Or:',
      `  curl -X POST "${url}/hit/naive?n=1000"`,
      `  curl -X POST "${url}/hit/ipc?n=1000"`,
    ],
  })
})

function listen(options: StickyOptions): Sticky {
  const sticky = stickyListen(async () => {
    const { counterApp } = await import('./app.ts')
    const { app, live } = counterApp(sticky.id ?? 0, process.env['REDIS_URL'] || undefined)
    if (sticky.role === 'worker') sticky.once('drain', () => live.end())
    return createServer(app)
  }, options)
  return sticky
}
