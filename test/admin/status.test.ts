import t from 'tap'
import { RequestTotals } from '../../src/admin/status.ts'
import { noCounts } from '../../src/ipc/request-counts.ts'

/** So many requests with status 200. */
const beat = (requests: number) => ({ requests: noCounts().map((_, i) => (i === 1 ? requests : 0)) })

const ofWorker = (totals: RequestTotals, id: number) => totals.totals(id)?.[1]

t.test('a restart takes nothing away, and nothing counts twice', async (t) => {
  const totals = new RequestTotals()
  const first = { id: 0, beat: beat(3) }
  totals.take(first)
  totals.take(first)
  t.equal(ofWorker(totals, 0), 3)
  first.beat = beat(5)
  totals.take(first)
  const second = { id: 0, beat: beat(2) }
  // For a while both serve.
  for (const process of [first, second, first, second]) totals.take(process)
  t.equal(ofWorker(totals, 0), 7)
})

t.test('a standby counts from when it is a worker; a process that does not count has none', async (t) => {
  const totals = new RequestTotals()
  const standby = { id: -1, beat: beat(0) }
  totals.take(standby)
  totals.take({ id: 1, beat: {} })
  totals.take({ id: 2, beat: undefined })
  t.strictSame(
    [-1, 0, 1, 2].map((id) => totals.totals(id)),
    [undefined, undefined, undefined, undefined],
  )
  Object.assign(standby, { id: 3, beat: beat(4) })
  totals.take(standby)
  t.equal(ofWorker(totals, 3), 4)
})
