import * as fc from 'fast-check'
import t from 'tap'
import { crashesInRow, restartDelay, type BackoffPolicy, type Exit } from '../../src/supervisor/backoff.ts'

const policies: fc.Arbitrary<BackoffPolicy> = fc.record({
  minDelay: fc.nat({ max: 10_000 }),
  maxDelay: fc.nat({ max: 100_000 }),
  stableAfter: fc.integer({ min: 1, max: 60_000 }),
})
const stable = ({ stableAfter }: BackoffPolicy): Exit => ({ at: 0, served: stableAfter })
const crash = ({ stableAfter }: BackoffPolicy): Exit => ({ at: 0, served: stableAfter - 1 })
const crashes = (policy: BackoffPolicy, count: number) => Array.from({ length: count }, () => crash(policy))
const histories = fc.array(fc.record({ at: fc.nat(), served: fc.nat({ max: 120_000 }) }), { maxLength: 40 })

t.test('a worker that served for a stable time starts again at once', async () => {
  fc.assert(fc.property(histories, policies, (past, policy) => restartDelay([...past, stable(policy)], policy) === 0))
})

t.test('the first crash after stable service waits for minDelay', async () => {
  fc.assert(
    fc.property(histories, policies, (past, policy) => {
      const delay = restartDelay([...past, stable(policy), crash(policy)], policy)
      return delay === Math.min(policy.minDelay, policy.maxDelay)
    }),
  )
})

t.test('each further crash in a row doubles the delay, up to maxDelay', async () => {
  fc.assert(
    fc.property(policies, fc.integer({ min: 1, max: 25 }), (policy, count) => {
      const delay = restartDelay(crashes(policy, count), policy)
      const next = restartDelay(crashes(policy, count + 1), policy)
      return next === Math.min(policy.maxDelay, delay * 2) || (delay === policy.maxDelay && next === delay)
    }),
  )
})

t.test('no history, however long, gives a delay that is too long for a timer', async () => {
  fc.assert(
    fc.property(policies, fc.integer({ min: 0, max: 5_000 }), (policy, count) => {
      const delay = restartDelay(crashes(policy, count), policy)
      return delay >= 0 && delay <= policy.maxDelay
    }),
  )
})

t.test('only crashes after the last stable service count', async (t) => {
  fc.assert(
    fc.property(histories, policies, fc.nat({ max: 20 }), (past, policy, count) => {
      return crashesInRow([...past, stable(policy), ...crashes(policy, count)], policy) === count
    }),
  )
  t.equal(crashesInRow([], { stableAfter: 1 }), 0)
  t.equal(restartDelay([], { minDelay: 5, maxDelay: 9, stableAfter: 1 }), 0, 'nothing happened, nothing to wait for')
})

t.test('the defaults are 100 ms, 200 ms, 400 ms ... 30 s', async (t) => {
  const policy = { minDelay: 100, maxDelay: 30_000, stableAfter: 10_000 }
  const delays = Array.from({ length: 11 }, (_, i) => restartDelay(crashes(policy, i + 1), policy))
  t.strictSame(delays, [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000])
})
