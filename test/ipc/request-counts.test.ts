import * as fc from 'fast-check'
import t from 'tap'
import { addDifference, BUCKETS, count, countAnswer, noCounts, requestStatus } from '../../src/ipc/request-counts.ts'

t.test('each answer counts in one class and in one bucket', async () => {
  const answers = fc.array(fc.tuple(fc.integer({ min: 100, max: 999 }), fc.nat({ max: 20_000 })))
  fc.assert(
    fc.property(answers, (all) => {
      const counts = noCounts()
      for (const [status, ms] of all) countAnswer(counts, status, ms)
      const { answered, buckets, seconds } = requestStatus(counts)
      const sum = (values: number[]) => values.reduce((total, n) => total + n, 0)
      const time = all.reduce((total, [, ms]) => total + ms, 0) / 1_000
      return sum(Object.values(answered)) === all.length && sum(buckets) === all.length && near(seconds, time)
    }),
  )
})

t.test(
  'the class is the first digit of the status, the bucket the first with a bound that the time does not exceed',
  async (t) => {
    const counts = noCounts()
    for (const status of [101, 200, 204, 304, 404, 503, 599]) countAnswer(counts, status, 5)
    countAnswer(counts, 200, 5.1)
    countAnswer(counts, 200, 60_000)
    count(counts, 'aborted')
    count(counts, 'upgrades')
    count(counts, 'upgrades')
    const { answered, aborted, upgrades, buckets } = requestStatus(counts)
    t.strictSame(answered, { '1xx': 1, '2xx': 4, '3xx': 1, '4xx': 1, '5xx': 2 })
    t.strictSame([aborted, upgrades], [1, 2])
    t.equal(buckets.length, BUCKETS.length + 1)
    t.strictSame([buckets[0], buckets[1], buckets.at(-1)], [7, 1, 1])
  },
)

t.test('the differences add up to the counts', async (t) => {
  const counts = noCounts()
  const total = noCounts()
  let before: number[] = []
  for (const status of [200, 404, 200]) {
    countAnswer(counts, status, 1)
    addDifference(total, before, counts)
    before = [...counts]
  }
  t.strictSame(total, counts)
})

function near(a: number, b: number): boolean {
  return Math.abs(a - b) < 1e-6
}
