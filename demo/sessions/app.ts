// express-session twice in one application: its sessions are in this process, and in Redis.
import { RedisStore } from 'connect-redis'
import express, { type Express, type RequestHandler } from 'express'
import session, { type Store } from 'express-session'
import { isLocalUser, isSameOrigin } from '../support/same-machine.ts'
import { pages } from '../support/pages.ts'
import { awayErrors, openRedis } from './redis.ts'

declare module 'express-session' {
  interface SessionData {
    visits: number
  }
}

interface Setup {
  /** Worker id that the page shows. */
  worker: number
  /** Key that signs the cookies; all workers have the same key. */
  secret: string
  /** URL of Redis; undefined: the application has only the sessions in memory. */
  redisUrl: string | undefined
}

export function sessionsApp({ worker, secret, redisUrl }: Setup): Express {
  const app = express()
  app.disable('x-powered-by')
  app.use(pages('sessions'))

  /** The ordinary session middleware, and a handler that counts the visits of a session. */
  const counted = (name: string, store?: Store): RequestHandler[] => [
    session({
      name: `${name}.sid`,
      secret,
      resave: false,
      saveUninitialized: false,
      ...(store === undefined ? {} : { store }),
    }),
    (request, response, next) => {
      const answer = () => response.json({ worker, pid: process.pid, visits: request.session.visits ?? 0 })
      if (request.method === 'POST') {
        request.session.visits = (request.session.visits ?? 0) + 1
        // express-session saves after the answer, so a failed save would show a visit that is not stored.
        request.session.save((error) => (error ? next(error) : answer()))
      } else answer()
    },
  ]

  // The default store is a MemoryStore, which is in this process only.
  app.all('/memory', counted('memory'))
  if (redisUrl !== undefined) {
    const client = openRedis(redisUrl, worker)
    const store = new RedisStore({ client, prefix: 'holdfast-demo:' })
    app.all('/redis', counted('redis', store), awayErrors(client))
  } else app.all('/redis', (_, response) => void response.json({ worker, pid: process.pid, visits: null }))

  app.post('/kill', (request, response) => {
    if (!isLocalUser(request) || !isSameOrigin(request)) {
      response.status(403).json({ error: 'only a browser on this machine may kill a worker' })
      return
    }
    response.json({ worker, pid: process.pid })
    response.once('close', () => process.kill(process.pid, 'SIGKILL'))
  })
  return app
}
