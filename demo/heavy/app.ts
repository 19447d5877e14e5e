// The same long job twice: in the thread of the event loop, and in a thread of its own.
import express, { type Express, type Request, type Response } from 'express'
import { setImmediate as turn } from 'node:timers/promises'
import { Tinypool } from 'tinypool'
import { pages } from '../support/pages.ts'
import countPrimes from './primes.ts'

/** About a second of work; and what one request may ask for at most. */
const BELOW = 5_000_000
const MOST = 20_000_000

/** @param worker - its number, for the page */
export function heavyApp(worker: number): Express {
  // One thread per process: there is a process for every core already.
  const pool = new Tinypool({ filename: new URL('./primes.js', import.meta.url).href, minThreads: 0, maxThreads: 1 })
  let jobs = 0
  const self = () => ({ worker, pid: process.pid, jobs })

  /** Tells the client at once that the job begins, and what came out at the end. */
  const answer = async (request: Request, response: Response, run: (below: number) => unknown): Promise<void> => {
    const below = belowOf(request)
    if (below === undefined) {
      response.status(400).json({ error: `below: expected a whole number from 2 to ${MOST}` })
      return
    }
    response.type('json').flushHeaders()
    // The turn in which that goes out.
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
  const below = query['below'] === undefined ? BELOW : Number(query['below'])
  return Number.isInteger(below) && below >= 2 && below <= MOST ? below : undefined
}
