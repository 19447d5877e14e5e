import t from 'tap'
import { RequestTotals } from '../../src/admin/status.ts'
import { noCounts } from '../../src/ipc/request-counts.ts'

/** A heartbeat with so many requests of status 2xx. */
const beat = (requests: number) => ({ requests: noCounts().map((_, i) => (i === 1 ? requests : 0)) })

const ofWorker = (totals: RequestTotals, id: number) => totals.totals(id)?.[1]

t.test('a restart loses no counts, and nothing counts twice', async (t) => {
  const totals = new RequestTotals()
  const first = { id: 0, heartbeat: beat(3) }
  totals.update(first)
  totals.update(first)
  t.equal(ofWorker(totals, 0), 3)
  first.heartbeat = beat(5)
  totals.update(first)
  const second = { id: 0, heartbeat: beat(2) }
  // During a reload both processes serve.
  for (const process of [first, second, first, second]) totals.update(process)
  t.equal(ofWorker(totals, 0), 7)
})

t.test('a standby process counts once it is a worker, and a process without counts has no totals', async (t) => {
  const totals = new RequestTotals()
  const standby = { id: -1, heartbeat: beat(0) }
  totals.update(standby)
  totals.update({ id: 1, heartbeat: {} })
  totals.update({ id: 2, heartbeat: undefined })
  t.strictSame(
    [-1, 0, 1, 2].map((id) => totals.totals(id)),
    [undefined, undefined, undefined, undefined],
  )
  Object.assign(standby, { id: 3, heartbeat: beat(4) })
  totals.update(standby)
  t.equal(ofWorker(totals, 3), 4)
})
