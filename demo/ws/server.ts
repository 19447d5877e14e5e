// Plain WebSockets on several workers, with one bus between them.
import { stickyListen } from 'holdfast'
import { runDemo } from '../support/run.ts'

await runDemo(
  {
    name: 'ws',
    shows: 'Rooms over plain WebSockets (ws); the bus carries what is said to all workers.',
    redis: {
      none: 'what is said stays on this machine',
      ended: 'tabs of different workers do not hear each other now',
    },
  },
  (options) => {
    const sticky = stickyListen(async () => {
      const { roomsServer } = await import('./rooms.ts')
      return roomsServer(sticky.id ?? 0)
    }, options)
    return sticky
  },
  () => [
    'Open both addresses: two clients, two workers. What you write in one appears in the other.',
    'Enter another room in one of them, and they do not hear each other any more.',
  ],
)
