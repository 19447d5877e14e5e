import t from 'tap'
import { AcceptCoalescing, COALESCE_TIME } from '../../../src/steering/handoff/accept-coalescing.ts'

/**
 * Runs turns of an event loop: milliseconds since the turn before, and connections.
 *
 * @returns how long each turn waited
 */
function run(turns: readonly { after: number; count: number }[]): number[] {
  const coalescing = new AcceptCoalescing()
  let now = 0
  return turns.map(({ after, count }) => {
    const pause = coalescing.before((now += after))
    coalescing.after((now += pause), count)
    return pause
  })
}

const turns = (n: number, after: number, count: number) => Array.from({ length: n }, () => ({ after, count }))

t.test('a quiet primary accepts each connection at once', async (t) => {
  t.strictSame(run(turns(20, 1, 1)), Array(20).fill(0))
  t.strictSame(run(turns(20, 3, 5)), Array(20).fill(0))
})

t.test('a busy primary waits for more connections, from the second turn on', async (t) => {
  t.strictSame(run(turns(20, 0.2, 5)), [0, ...Array(19).fill(COALESCE_TIME)])
})

t.test('a batch that is large anyway is accepted at once', async (t) => {
  t.strictSame(run(turns(20, 0.2, 32)), Array(20).fill(0))
  t.strictSame(run([...turns(2, 0.2, 32), ...turns(2, 0.2, 31), { after: 0.2, count: 1 }]), [
    0,
    0,
    0,
    COALESCE_TIME,
    COALESCE_TIME,
  ])
})

t.test('a single client that connects again and again seldom waits', async (t) => {
  const waits = run(turns(1_000, 0.2, 1)).filter((pause) => pause > 0).length
  t.ok(waits > 10 && waits < 25, `${waits} of 1,000`)
})

t.test('when more clients come again, the waits begin again within 64 turns', async (t) => {
  const pauses = run([...turns(1_000, 0.2, 1), ...turns(100, 0.2, 5)]).slice(1_000)
  const first = pauses.findIndex((pause) => pause > 0)
  t.ok(first >= 0 && first <= 64, `after ${first}`)
  t.ok(pauses.slice(first).every((pause) => pause === COALESCE_TIME))
})
