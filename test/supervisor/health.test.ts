import * as fc from 'fast-check'
import t from 'tap'
import { observe, initialHealth, type Health, type Observation } from '../../src/supervisor/health.ts'

const policy = { interval: 1000, unhealthyAfter: 3, maxLag: 500, deadline: 30_000 }
const good: Observation = { silence: 900, lag: 20 }
const silent: Observation = { silence: 2_001, lag: 0 }
const slow: Observation = { silence: 500, lag: 501 }
const after = (observations: Observation[], from: Health = initialHealth) =>
  observations.reduce((health, seen) => observe(health, seen, policy), from)

t.test('a worker is unhealthy after three bad observations in a row', async (t) => {
  for (const bad of [silent, slow]) {
    t.equal(after([bad, bad]).verdict, 'healthy')
    t.equal(after([bad, bad, bad]).verdict, 'unhealthy')
    t.equal(after([bad, bad, good, bad, bad]).verdict, 'healthy')
  }
})

t.test('a worker is healthy again after three good observations in a row', async (t) => {
  const unhealthy = after([silent, slow, silent])
  t.equal(after([good, good], unhealthy).verdict, 'unhealthy')
  t.equal(after([good, good, slow, good, good], unhealthy).verdict, 'unhealthy')
  t.equal(after([good, good, good], unhealthy).verdict, 'healthy')
})

t.test('a worker that is silent for longer than the deadline is lost', async (t) => {
  const lost = after([{ silence: 30_001, lag: 0 }])
  t.equal(lost.verdict, 'lost')
  t.equal(after([good, good, good, good], lost).verdict, 'lost')
})

t.test('a worker that is silent for less than the deadline is never lost', async () => {
  const observations = fc.array(fc.record({ silence: fc.nat({ max: 30_000 }), lag: fc.nat({ max: 60_000 }) }))
  fc.assert(fc.property(observations, (seen) => after(seen).verdict !== 'lost'))
})
