import t from 'tap'
import { closing, leaving, replaced } from '../../src/supervisor/drain-plans.ts'

const reload = { parallel: 1, deadline: 30_000, grace: 1_000, spread: 5_000, signals: [] }
const shutdown = { deadline: 10_000, signals: [] }

t.test('a worker that is replaced closes its WebSockets over the spread, with 1012', async (t) => {
  t.strictSame(replaced({ reload }), { deadline: 30_000, grace: 1_000, spread: 5_000, code: 1012 })
})

t.test('a worker that leaves by itself has the deadline of a shutdown', async (t) => {
  t.strictSame(leaving({ reload, shutdown }), { deadline: 10_000, grace: 1_000, spread: 0, code: 1012 })
})

t.test('at a shutdown WebSockets are closed with 1001, in the first 20th of the deadline', async (t) => {
  t.strictSame(closing({ reload }, 10_000), { deadline: 10_000, grace: 500, spread: 0, code: 1001 })
  t.equal(closing({ reload }, 60_000).grace, 1_000)
})

t.test('grace and spread leave a quarter of the deadline for the close of the last WebSocket', async (t) => {
  t.strictSame(replaced({ reload: { ...reload, deadline: 3_000 } }), {
    deadline: 3_000,
    grace: 750,
    spread: 1_500,
    code: 1012,
  })
  t.equal(leaving({ reload, shutdown: { ...shutdown, deadline: 2_000 } }).grace, 500)
})
