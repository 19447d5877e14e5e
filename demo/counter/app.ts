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

/** What one request may add at most. */
const MOST = 10_000
/** Hits in one turn of the event loop: as many requests as a busy server finds in it. */
const AT_ONCE = 20
const NAME = 'holdfast-demo'

/** @param redisUrl - without it there are the two ways through the primary */
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
  app.get('/who', (_, response) => void response.json({ worker, pid: process.pid }))
  app.get('/totals', (_, response) => live.add(response))
  app.post('/hit/:way', async ({ params, query }, response) => {
    const tally = tallies[params.way as Way]
    const hits = query['n'] === undefined ? 1 : Number(query['n'])
    if (tally === undefined || !Number.isInteger(hits) || hits < 1 || hits > MOST) {
      response.status(400).json({ error: `expected /hit/${WAYS.join('|')}?n=1..${MOST}` })
      return
    }
    const before = await naive.cost()
    for (let left = hits; left > 0; left -= AT_ONCE) {
      for (let hit = 0; hit < Math.min(left, AT_ONCE); hit++) tally.add()
      await turn()
    }
    const total = await tally.read().catch(wasAway)
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

/** Of a read that failed: nobody could be asked. */
function wasAway(error: unknown): undefined {
  if (!(error instanceof StickyError && error.code === 'HOLDFAST_BUS_AWAY')) throw error
}
