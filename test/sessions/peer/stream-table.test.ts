import { array, assert, integer, nat, property, record } from 'fast-check'
import t from 'tap'
import { StreamTable } from '../../../src/sessions/peer/stream-table.ts'

t.test('the tables at both ends have the same streams, in whatever order streams begin and end', async (t) => {
  // The weights let more streams begin than end now and then.
  const step = record({ begin: integer({ min: 0, max: 40 }), end: array(nat(), { maxLength: 40 }) })
  assert(
    property(array(step, { maxLength: 30 }), (steps) => {
      const [here, there] = [new StreamTable<{ n: number }>(), new StreamTable<{ n: number }>()]
      const open = new Map<number, { n: number }>()
      const ended: number[] = []
      let n = 0
      for (const { begin, end } of steps) {
        for (let i = 0; i < begin; i++) {
          const stream = { n: n++ }
          const id = here.add(stream)
          if (open.has(id)) return false
          there.set(id, stream)
          open.set(id, stream)
        }
        for (const which of end) {
          const ids = [...open.keys()]
          const id = ids[which % ids.length]
          if (id === undefined) break
          open.delete(id)
          ended.push(id)
          if (!here.delete(id) || !there.delete(id)) return false
        }
      }
      return [here, there].every((table) => {
        const all = Array.from(table, ({ n: number }) => number).sort((a, b) => a - b)
        const expected = Array.from(open.values(), ({ n: number }) => number).sort((a, b) => a - b)
        const isFound = [...open].every(([id, stream]) => table.get(id) === stream)
        const isGone = ended.every((id) => open.has(id) || (table.get(id) === undefined && !table.delete(id)))
        return table.size === open.size && all.join() === expected.join() && isFound && isGone
      })
    }),
  )
  t.pass('after any steps')
})

t.test('a stream that never ends takes no place from others', async (t) => {
  const table = new StreamTable<object>()
  const first = {}
  const id = table.add(first)
  for (let i = 0; i < 1_000; i++) t.ok(table.delete(table.add({})))
  t.equal(table.get(id), first)
  t.equal(table.size, 1)
  t.throws(() => table.set(id, {}), { message: `stream ${id} is there already` })
})
