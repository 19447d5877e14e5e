import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { array, assert, boolean, nat, property, record } from 'fast-check'
import t from 'tap'
import { DenseSet } from '../../src/serving/dense-set.ts'

t.test('a dense set has the same items as a Set', async (t) => {
  const items = Array.from({ length: 8 }, (_, id) => ({ id }))
  const steps = array(record({ add: boolean(), id: nat({ max: items.length - 1 }) }), { maxLength: 60 })
  assert(
    property(steps, (all) => {
      const [dense, set] = [new DenseSet<{ id: number }>(), new Set<{ id: number }>()]
      for (const { add, id } of all) {
        const item = items[id]!
        if (add) {
          dense.add(item)
          set.add(item)
        } else if (dense.delete(item) !== set.delete(item)) {
          return false
        }
      }
      const ids = (some: Iterable<{ id: number }>) => Array.from(some, ({ id }) => id).sort((a, b) => a - b)
      const agree = items.every((item) => dense.has(item) === set.has(item))
      return agree && dense.size === set.size && ids(dense).join() === ids(set).join()
    }),
  )
  t.pass('after any steps')
})

t.test('an object may be in two sets, and may be deleted during an iteration', async (t) => {
  const items = [{}, {}, {}]
  const [one, other] = [new DenseSet<object>(), new DenseSet<object>()]
  for (const item of items) one.add(item)
  other.add(items[2]!)
  other.delete(items[2]!)
  let seen = 0
  for (const item of one) {
    seen++
    t.ok(one.delete(item))
  }
  t.equal(seen, 3)
  t.equal(one.size, 0)
})

/** Bytes by which the old generation of the heap grew while objects were added and removed, 64 of them at a time. */
function growth(add: (item: object) => void, remove: (item: object) => void, gc: (how: object) => void): number {
  const old = () => getHeapSpaceStatistics().find(({ space_name: name }) => name === 'old_space')!.space_used_size
  const there: object[] = []
  const churn = (count: number): void => {
    for (let i = 0; i < count; i++) {
      const item = { text: Array.from({ length: 20 }, () => i) }
      add(item)
      there.push(item)
      if (there.length > 64) remove(there.shift()!)
      if (i % 1_000 === 0) gc({ type: 'minor' })
    }
  }
  churn(5_000)
  // The objects that are in the set now move to the old generation.
  for (let i = 0; i < 3; i++) gc({ type: 'minor' })
  const before = old()
  churn(100_000)
  return old() - before
}

t.test('memory of deleted objects is freed by the quick garbage collection', async (t) => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as (how: object) => void
  const dense = new DenseSet<object>()
  const bytes = growth(
    (item) => dense.add(item),
    (item) => dense.delete(item),
    gc,
  )
  t.ok(bytes < 1e6, `${bytes} bytes`)
})
