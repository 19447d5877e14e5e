import * as fc from 'fast-check'
import t from 'tap'
import type { Exit } from '../../src/supervisor/backoff.ts'
import { tripped } from '../../src/supervisor/breaker.ts'

const policy = { maxStartCrashes: 5, maxCrashesPerMinute: 10, stableAfter: 10_000 }
const failedStarts = (count: number, at = 0): Exit[] => Array.from({ length: count }, () => ({ at, served: 0 }))
const served = (at: number): Exit => ({ at, served: 1 })

t.test('five starts in a row that end before the worker is ready are enough, four are not', async (t) => {
  t.equal(tripped(failedStarts(4), [], 0, policy), undefined)
  t.match(tripped(failedStarts(5), [], 0, policy), /5 starts in a row/)
})

t.test('a successful start resets the count of failed starts', async () => {
  fc.assert(
    fc.property(fc.nat({ max: 20 }), fc.nat({ max: 4 }), (before, after) => {
      const own = [...failedStarts(before), served(0), ...failedStarts(after)]
      return tripped(own, [], 0, policy) === undefined
    }),
  )
})

t.test(
  'a process that leaves by itself soon after it was ready counts as a failed start, a crash in service does not',
  async (t) => {
    const left = (served: number): Exit => ({ at: 0, served, left: true })
    const reason = '5 starts in a row ended before the worker was ready, or left by itself within 10000 ms'
    t.equal(tripped([left(1), left(9_999), ...failedStarts(2), left(5)], [], 0, policy), reason)
    t.equal(tripped([left(1), left(10_000), left(1), left(1), left(1), left(1)], [], 0, policy), undefined)
    t.equal(tripped([left(1), served(0), left(1), left(1), left(1), left(1)], [], 0, policy), undefined)
  },
)

t.test('ten crashes within a minute are enough, whichever workers crashed', async (t) => {
  const all = Array.from({ length: 10 }, (_, i) => served(i * 6_000))
  t.match(tripped([], all, 54_000, policy), /10 crashes within a minute/)
  t.equal(tripped([], all, 60_000, policy), undefined, 'the first one is a minute ago')
})

t.test('the breaker closes by itself when the crashes are old enough', async () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 100_000 })), (times) => {
      const all = times.map(served)
      return tripped([], all, Math.max(0, ...times) + 60_000, policy) === undefined
    }),
  )
})
