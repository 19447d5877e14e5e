// Sessions in the memory of a worker, which a cookie names, and the same sessions in Redis.
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import { stickyListen } from 'holdfast'
import { runDemo } from '../support/run.ts'

// The primary makes the secret, and the workers inherit the environment.
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
      // A client with a new address still sends this cookie, and so reaches the worker that has the session.
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
