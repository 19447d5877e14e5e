// The same long job, once in the thread of the event loop and once in a thread of its own.
import express, { type Express, type Request, type Response } from 'express'
import { setImmediate as turn } from 'node:timers/promises'
import { Tinypool } from 'tinypool'
import { pages } from '../support/pages.ts'
import countPrimes from './primes.ts'

/** Upper bound of the search for primes, about a second of work; and the largest bound that a request may set. */
const DEFAULT_BELOW = 5_000_000
const MAX_BELOW = 20_000_000

/** @param worker - worker id that the page shows */
export function heavyApp(worker: number): Express {
  // One thread per process is enough, because every core has a process already.
  const pool = new Tinypool({ filename: new URL('./primes.js', import.meta.url).href, minThreads: 0, maxThreads: 1 })
  let jobs = 0
  const self = () => ({ worker, pid: process.pid, jobs })

  /** Tells the client at once that the job begins, and the result at the end. */
  const answer = async (request: Request, response: Response, run: (below: number) => unknown): Promise<void> => {
    const below = belowOf(request)
    if (below === undefined) {
      response.status(400).json({ error: `below: expected a whole number from 2 to ${MAX_BELOW}` })
      return
    }
    response.type('json').flushHeaders()
    // The first bytes of the answer go out in this turn of the event loop.
    await turn()
    const began = performance.now()
    const primes = await run(below)
    jobs++
    response.end(JSON.stringify({ ...self(), primes, ms: Math.round(performance.now() - began) }))
  }

  const app = express()
  app.disable('x-powered-by')
  app.use(pages('heavy'))
  app.get('/fast', (_, response) => void response.json(self()))
  app.get('/slow-blocking', (request, response) => answer(request, response, countPrimes))
  app.get('/slow-pooled', (request, response) => answer(request, response, (below) => pool.run(below)))
  return app
}

function belowOf({ query }: Request): number | undefined {
  const below = query['below'] === undefined ? DEFAULT_BELOW : Number(query['below'])
  return Number.isInteger(below) && below >= 2 && below <= MAX_BELOW ? below : undefined
}
