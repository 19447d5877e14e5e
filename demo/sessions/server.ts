// Sessions in the memory of a worker, found again by a cookie that names it; and the same in Redis.
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { stickyListen } from 'holdfast'
import { runDemo } from '../support/run.ts'

// Made by the primary; the workers inherit it.
const secret = (process.env['SESSION_SECRET'] ??= randomBytes(24).toString('hex'))

await runDemo(
  {
    name: 'sessions',
    shows: 'express-session with its MemoryStore, which works because clients stick; beside it the same in Redis.',
    redis: { none: 'there are only the sessions in memory', ended: 'the sessions in it are gone' },
  },
  (options) => {
    const sticky = stickyListen(
      async () => {
        const { sessionsApp } = await import('./app.ts')
        return createServer(
          sessionsApp({ worker: sticky.id ?? 0, secret, redisUrl: process.env['REDIS_URL'] || undefined }),
        )
      },
      // Whoever comes back from another address brings this cookie, and so finds the worker that has the session.
      { ...options, session: { cookie: 'worker' } },
    )
    return sticky
  },
  (url) => [
    'Press "Visit" and reload. Then kill the worker: Redis remembers, memory does not.',
    'Two addresses, one session:',
    `  curl -X POST -b jar -c jar ${url}/memory --interface 127.0.0.2`,
    `  curl -X POST -b jar -c jar ${url}/memory --interface 127.0.0.7`,
  ],
)
