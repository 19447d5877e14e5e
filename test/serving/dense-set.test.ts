import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { array, assert, boolean, nat, property, record } from 'fast-check'
import t from 'tap'
import { DenseSet } from '../../src/serving/dense-set.ts'

t.test('has what a set has', async (t) => {
  const items = Array.from({ length: 8 }, (_, id) => ({ id }))
  const steps = array(record({ add: boolean(), id: nat({ max: items.length - 1 }) }), { maxLength: 60 })
  assert(
    property(steps, (all) => {
      const [bag, set] = [new DenseSet<{ id: number }>(), new Set<{ id: number }>()]
      for (const { add, id } of all) {
        const item = items[id]!
        if (add) {
          bag.add(item)
          set.add(item)
        } else if (bag.delete(item) !== set.delete(item)) {
          return false
        }
      }
      const ids = (some: Iterable<{ id: number }>) => Array.from(some, ({ id }) => id).sort((a, b) => a - b)
      const agree = items.every((item) => bag.has(item) === set.has(item))
      return agree && bag.size === set.size && ids(bag).join() === ids(set).join()
    }),
  )
  t.pass('after any steps')
})

t.test('an object may be in two, and may go while others are looked at', async (t) => {
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

/** Bytes that came to live on while so many objects came and went, 64 of them there at a time. */
function kept(add: (item: object) => void, remove: (item: object) => void, gc: (how: object) => void): number {
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
  // The quiet moment in which what is there gets old.
  for (let i = 0; i < 3; i++) gc({ type: 'minor' })
  const before = old()
  churn(100_000)
  return old() - before
}

t.test('what has gone does not live on', async (t) => {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as (how: object) => void
  const bag = new DenseSet<object>()
  const bytes = kept(
    (item) => bag.add(item),
    (item) => bag.delete(item),
    gc,
  )
  t.ok(bytes < 1e6, `${bytes} bytes`)
})
