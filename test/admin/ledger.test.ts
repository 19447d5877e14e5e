import t from 'tap'
import { Ledger } from '../../src/admin/ledger.ts'
import { noCounts } from '../../src/request-counts.ts'

/** So many requests with status 200. */
const beat = (requests: number) => ({ requests: noCounts().map((_, i) => (i === 1 ? requests : 0)) })

const ofWorker = (ledger: Ledger, id: number) => ledger.totals(id)?.[1]

t.test('a restart takes nothing away, and nothing counts twice', async (t) => {
  const ledger = new Ledger()
  const first = { id: 0, beat: beat(3) }
  ledger.take(first)
  ledger.take(first)
  t.equal(ofWorker(ledger, 0), 3)
  first.beat = beat(5)
  ledger.take(first)
  const second = { id: 0, beat: beat(2) }
  // For a while both serve.
  for (const process of [first, second, first, second]) ledger.take(process)
  t.equal(ofWorker(ledger, 0), 7)
})

t.test('a spare counts from when it is a worker; a process that does not count has none', async (t) => {
  const ledger = new Ledger()
  const spare = { id: -1, beat: beat(0) }
  ledger.take(spare)
  ledger.take({ id: 1, beat: {} })
  ledger.take({ id: 2, beat: undefined })
  t.strictSame(
    [-1, 0, 1, 2].map((id) => ledger.totals(id)),
    [undefined, undefined, undefined, undefined],
  )
  Object.assign(spare, { id: 3, beat: beat(4) })
  ledger.take(spare)
  t.equal(ofWorker(ledger, 3), 4)
})
