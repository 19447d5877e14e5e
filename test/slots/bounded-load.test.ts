import * as fc from 'fast-check'
import t from 'tap'
import { bound, preference, StickTable } from '../../src/slots/bounded-load.ts'

const workers = fc.uniqueArray(fc.nat({ max: 255 }), { minLength: 1, maxLength: 40 })
const keys = fc.uint8Array({ minLength: 4, maxLength: 16 }).map((bytes) => Buffer.from(bytes))

const ascending = (a: number, b: number) => a - b

t.test('while no worker exceeds the bound, at least one worker has room for one more connection', async () => {
  fc.assert(
    fc.property(
      fc.double({ min: 1.01, max: 10, noNaN: true }),
      fc.array(fc.nat({ max: 500 }), { minLength: 1, maxLength: 64 }),
      (factor, loads) => {
        const total = loads.reduce((sum, load) => sum + load, 0)
        const most = bound(factor, total, loads.length)
        return loads.some((load) => load < most)
      },
    ),
  )
})

t.test('the order contains every worker once, is stable, and does not change when another worker leaves', async () => {
  fc.assert(
    fc.property(keys, workers, fc.nat(), (key, ids, n) => {
      const order = preference(key, ids)
      const gone = ids[n % ids.length]
      const left = ids.filter((id) => id !== gone)
      const same = (a: number[], b: number[]) => a.join() === b.join()
      return (
        same(order.toSorted(ascending), ids.toSorted(ascending)) &&
        same(order, preference(key, ids.toReversed())) &&
        same(
          order.filter((id) => id !== gone),
          preference(key, left),
        )
      )
    }),
  )
})

t.test('clients prefer different workers', async (t) => {
  const first = Array.from(
    { length: 2_000 },
    (_, n) => preference(Buffer.from([10, 0, n >> 8, n & 255]), [0, 1, 2, 3])[0],
  )
  for (const worker of [0, 1, 2, 3]) {
    const share = first.filter((id) => id === worker).length / first.length
    t.ok(share > 0.2 && share < 0.3, `${worker}: ${share}`)
  }
})

t.test('an entry lasts while its client has connections, and for a time after', async (t) => {
  const stickTable = new StickTable(1_000)
  t.equal(stickTable.workerOf('a', 0, 0), undefined)
  stickTable.put('a', 3, 0)
  t.equal(stickTable.workerOf('a', 0, 999), 3)
  t.equal(stickTable.workerOf('a', 0, 1_998), 3, 'each use renews it')
  t.equal(stickTable.workerOf('a', 2, 50_000), 3, 'open connections keep it')
  t.equal(stickTable.workerOf('a', 0, 51_000), undefined, 'it has expired')
  t.equal(stickTable.size, 0)
})

t.test('a full table drops the entry that was not used for the longest time', async (t) => {
  const stickTable = new StickTable(1_000, 3)
  for (const key of ['a', 'b', 'c']) stickTable.put(key, 1, 0)
  stickTable.workerOf('a', 1, 1)
  stickTable.put('d', 1, 2)
  t.equal(stickTable.size, 3)
  t.strictSame(
    ['a', 'b', 'c', 'd'].map((key) => stickTable.workerOf(key, 0, 3)),
    [1, undefined, 1, 1],
  )
})
