// One number that all workers share, counted in three ways.
import express, { type Express } from 'express'
import { setImmediate as turn } from 'node:timers/promises'
import { StickyError } from 'holdfast'
import { ipcBus, redisBus } from 'holdfast/broadcast'
import { jsonErrors } from '../support/json-errors.ts'
import { pages } from '../support/pages.ts'
import { liveTotals, type Live } from './live.ts'
import { naiveTally } from './naive.ts'
import { WAYS, type Tallies, type Way } from './tally.ts'

/** Largest number of hits in one request. */
const MAX_HITS = 10_000
/** Hits in one turn of the event loop, as many as the requests that a busy server reads in one turn. */
const HITS_PER_TURN = 20
const NAME = 'holdfast-demo'

/** @param redisUrl - undefined: the counter in Redis is off, the two ways through the primary remain */
export function counterApp(worker: number, redisUrl: string | undefined): { app: Express; live: Live } {
  const naive = naiveTally()
  const tallies: Tallies = {
    naive,
    ipc: ipcBus().counter(NAME),
    ...(redisUrl === undefined ? {} : { redis: redisBus({ url: redisUrl }).counter(NAME) }),
  }
  const live = liveTotals(tallies)

  const app = express()
  app.disable('x-powered-by')
  app.use(pages('counter'))
  app.get('/worker', (_, response) => void response.json({ worker, pid: process.pid }))
  app.get('/totals', (_, response) => live.add(response))
  app.post('/hit/:way', async ({ params, query }, response) => {
    const tally = tallies[params.way as Way]
    const hits = query['n'] === undefined ? 1 : Number(query['n'])
    if (tally === undefined || !Number.isInteger(hits) || hits < 1 || hits > MAX_HITS) {
      response.status(400).json({ error: `expected /hit/${WAYS.join('|')}?n=1..${MAX_HITS}` })
      return
    }
    const before = await naive.cost()
    for (let left = hits; left > 0; left -= HITS_PER_TURN) {
      for (let hit = 0; hit < Math.min(left, HITS_PER_TURN); hit++) tally.add()
      await turn()
    }
    const total = await tally.read().catch(ignoreUnavailable)
    if (total === undefined) {
      response.status(503).json({ error: 'Redis is away. What was added is kept, and counts when it is back.' })
      return
    }
    const after = await naive.cost()
    const cost = { messages: after.messages - before.messages, cpu: after.cpu - before.cpu }
    response.json({ worker, pid: process.pid, total, ...cost })
  })
  app.use(jsonErrors())
  return { app, live }
}

/** Turns the error of a bus that is unavailable into undefined; throws every other error. */
function ignoreUnavailable(error: unknown): undefined {
  if (!(error instanceof StickyError && error.code === 'HOLDFAST_BUS_AWAY')) throw error
}
