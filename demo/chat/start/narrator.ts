// Holdfast's log events as sentences for the terminal of the chat.
import { narrate } from '../../support/narrator.ts'

/** Workers that have lost Redis. That a worker is connected is printed only for one that had lost Redis. */
const cutOff = new Set<unknown>()

export const narrator = narrate({
  'balancer.signal': ({ second }) => (second === true ? 'Killed.' : 'Stopping; open tabs say so and wait.'),
  'balancer.closed': ({ clean }) => (clean === true ? 'Stopped.' : 'Stopped; a worker had to be killed.'),
  'standalone.closed': ({ clean }) => (clean === true ? 'Stopped.' : 'Stopped; an answer had to be cut.'),
  'redis.up': ({ worker }) => (cutOff.delete(worker) ? `Worker ${String(worker)} has Redis again.` : undefined),
  'redis.down': ({ worker, reason }) => {
    cutOff.add(worker)
    return `Worker ${String(worker)} has lost Redis (${String(reason)}); its own tabs chat on, the others wait.`
  },
})
