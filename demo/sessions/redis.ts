// The Redis that keeps sessions, and what is told while it is away: in the terminal once, to a request at once.
import type { ErrorRequestHandler } from 'express'
import { Redis } from 'ioredis'

/** Milliseconds between two attempts to reach it, and so the longest that a request waits for one. */
const PACE = 500
/** Milliseconds without an answer after which it hangs. */
const SILENCE = 2_000

/** @param worker - its number, for the terminal */
export function openRedis(url: string, worker: number): Redis {
  const redis = new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => PACE, socketTimeout: SILENCE })
  let isAway = false
  // Every attempt fails with one.
  redis.on('error', ({ message, code }: NodeJS.ErrnoException) => {
    if (!isAway) console.log(`Worker ${worker}: Redis is away (${message || code}).`)
    isAway = true
  })
  redis.on('ready', () => {
    if (isAway) console.log(`Worker ${worker}: Redis is back.`)
    isAway = false
  })
  return redis
}

/** For the end of a route that needs it. */
export function awayErrors(redis: Redis): ErrorRequestHandler {
  return (error: unknown, _, response, next) => {
    if (redis.status === 'ready') return next(error)
    // express-session also tells when it could not prolong a session, after the answer.
    if (response.headersSent) return
    response.status(503).json({ error: 'Redis is away, and with it the sessions that it keeps.' })
  }
}
