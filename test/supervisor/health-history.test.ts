import t from 'tap'
import { HealthHistory, type HealthCheckPolicy, type Finding } from '../../src/supervisor/health-history.ts'

const MB = 1024 * 1024

const policy: HealthCheckPolicy = {
  interval: 1_000,
  unhealthyAfter: 6,
  maxLag: 500,
  deadline: 30_000,
  maxRss: Infinity,
  maxHeap: Infinity,
  growthWindow: 0,
  maxAge: Infinity,
  maxServed: Infinity,
}

/** Checks once per second, and records each finding with its second. */
function examine(more: Partial<HealthCheckPolicy>, seconds: number, what: (second: number) => Partial<Seen>, luck = 0) {
  const history = new HealthHistory({ ...policy, ...more }, luck)
  const found: [number, Finding][] = []
  for (let second = 1; second <= seconds; second++) {
    const { silence = 0, ...heartbeat } = what(second)
    const finding = history.check({
      now: second * 1_000,
      age: second * 1_000,
      silence,
      heartbeat: { lag: 0, rss: 50 * MB, heapUsed: 20 * MB, connections: 0, served: 0, ...heartbeat },
    })
    if (finding !== undefined) found.push([second, finding])
  }
  return found
}

interface Seen {
  silence: number
  lag: number
  rss: number
  heapUsed: number
  served: number
}

t.test('a healthy worker causes no action', async (t) => {
  t.strictSame(
    examine({}, 1_000, () => ({})),
    [],
  )
})

t.test('silence first causes a warning, then makes a worker unhealthy, then lost', async (t) => {
  const found = examine({}, 40, (second) => ({ silence: second * 1_000 }))
  t.strictSame(found, [
    [4, { type: 'slow' }],
    [8, { type: 'unhealthy' }],
    [31, { type: 'lost' }],
  ])
})

t.test(
  'a loop that is held up again and again makes unhealthy, and good heartbeats healthy again, never lost',
  async (t) => {
    const found = examine({}, 100, (second) => ({ lag: second <= 50 ? 501 : 500 }))
    t.strictSame(found, [
      [2, { type: 'slow' }],
      [6, { type: 'unhealthy' }],
      [56, { type: 'healthy' }],
    ])
  },
)

t.test('one long job does not make a worker unhealthy', async (t) => {
  t.strictSame(
    examine({}, 100, (second) => ({ lag: second % 10 === 0 ? 5_000 : 0 })),
    [],
  )
})

t.test('a worker without a report is judged by its silence and age', async (t) => {
  const history = new HealthHistory({ ...policy, maxAge: 10_000 }, 0)
  const look = (second: number) =>
    history.check({ now: second * 1_000, silence: 0, age: second * 1_000, heartbeat: undefined })
  t.equal(look(1), undefined)
  t.match(look(10), { type: 'replace' })
})

t.test('one heartbeat is not counted twice', async (t) => {
  const history = new HealthHistory(policy, 0)
  const heartbeat = { lag: 5_000, rss: 0, heapUsed: 0, connections: 0, served: 0 }
  for (let now = 0; now < 100; now++) t.equal(history.check({ now, silence: 0, age: now, heartbeat }), undefined)
})

t.test('too much memory three times in a row recycles the worker', async (t) => {
  const found = examine({ maxRss: 100 * MB }, 6, (second) => ({ rss: second === 3 ? 90 * MB : 101 * MB }))
  t.strictSame(found, [[6, { type: 'replace', reason: 'rss is 101 MB, the limit 100 MB' }]])
})

t.test('a heap that only grows recycles the worker, once the window is full', async (t) => {
  const leaking = examine({ growthWindow: 600_000 }, 700, (second) => ({
    heapUsed: 50 * MB + second * 0.2 * MB + (second % 7) * 5 * MB,
  }))
  t.match(leaking[0], [Number, { type: 'replace', reason: /^the heap grew from/ }])
  t.ok(leaking[0]![0] >= 600, `at ${leaking[0]![0]} s`)
  const sawtooth = examine({ growthWindow: 600_000 }, 2_000, (second) => ({ heapUsed: ((second % 90) + 20) * MB }))
  t.strictSame(sawtooth, [])
})

t.test('age and connections served recycle a worker, at a bound that varies by worker', async (t) => {
  t.equal(examine({ maxAge: 100_000 }, 100, () => ({}), 0)[0]?.[0], 80)
  t.equal(examine({ maxAge: 100_000 }, 100, () => ({}), 1)[0]?.[0], 100)
  t.match(examine({ maxServed: 1_000 }, 100, (second) => ({ served: second * 10 }), 1)[0], [
    100,
    { reason: 'it has served 1000 connections' },
  ])
})

t.test('an unhealthy worker is not recycled as well', async (t) => {
  const found = examine({ maxRss: MB }, 20, () => ({ lag: 501 }))
  t.notOk(found.some(([second, { type }]) => type === 'replace' && second >= 6))
})
