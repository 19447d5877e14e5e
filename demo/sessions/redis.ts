// The Redis that keeps sessions. While Redis is away, the terminal says so once and every request gets an error at
// once.
import type { ErrorRequestHandler } from 'express'
import { Redis } from 'ioredis'

/**
 * Milliseconds between two attempts to connect, which is also the longest time that a request waits for a connection.
 */
const PACE = 500
/** Milliseconds without an answer after which the connection counts as dead. */
const SILENCE = 2_000

/** @param worker - worker id that the terminal shows */
export function openRedis(url: string, worker: number): Redis {
  const redis = new Redis(url, { maxRetriesPerRequest: 0, retryStrategy: () => PACE, socketTimeout: SILENCE })
  let isAway = false
  // Every failed attempt emits an error; only the first one is printed.
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

/** Error handler for the end of a route that needs Redis. */
export function awayErrors(redis: Redis): ErrorRequestHandler {
  return (error: unknown, _, response, next) => {
    if (redis.status === 'ready') return next(error)
    // express-session also reports, after the answer, that it could not prolong a session.
    if (response.headersSent) return
    response.status(503).json({ error: 'Redis is away, and with it the sessions that it keeps.' })
  }
}
