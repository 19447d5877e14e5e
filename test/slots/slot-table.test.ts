import * as fc from 'fast-check'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import t from 'tap'
import { fingerprint32, SLOTS } from '../../src/slots/hash.ts'
import { MAX_WORKERS, slotTable, type SlotTable } from '../../src/slots/slot-table.ts'

/** Slots by worker, of the workers that own any. */
function shares({ owners }: SlotTable): Map<number, number> {
  const counts = new Map<number, number>()
  for (const owner of owners) counts.set(owner, (counts.get(owner) ?? 0) + 1)
  return counts
}

/** The slots that have another owner. */
function moved(from: SlotTable, to: SlotTable): number[] {
  return [...from.owners.keys()].filter((slot) => from.owners[slot] !== to.owners[slot])
}

function isEven(table: SlotTable): boolean {
  const counts = shares(table)
  const least = Math.floor(SLOTS / table.workers.length)
  return table.workers.every((worker) => [least, least + 1].includes(counts.get(worker) ?? 0))
}

function isGapless(workers: readonly number[]): boolean {
  return workers.every((worker, i) => worker === i)
}

const same = (a: SlotTable, b: SlotTable) => moved(a, b).length === 0 && a.workers.join() === b.workers.join()

/** A number of workers, and the ids of workers that leave or come back, one after the other. */
const walk = fc.oneof(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 40 })).chain((workers) =>
  fc.record({
    workers: fc.constant(workers),
    steps: fc.array(fc.nat({ max: workers - 1 }), { maxLength: 90 }),
  }),
)

function step(table: SlotTable, worker: number): SlotTable {
  if (!table.workers.includes(worker)) return table.with(worker)
  return table.workers.length === 1 ? table : table.without(worker)
}

t.test('one more worker moves exactly floor(256 / n) slots, all of them to the new worker', async (t) => {
  for (let n = 1; n < MAX_WORKERS; n++) {
    const [before, after] = [slotTable(n), slotTable(n + 1)]
    const slots = moved(before, after)
    t.equal(slots.length, Math.floor(SLOTS / (n + 1)), `${n} to ${n + 1}`)
    t.ok(
      slots.every((slot) => after.owners[slot] === n),
      'all to the new worker',
    )
    t.equal(before.with(n), after, 'the same when it joins')
  }
})

t.test('any two workers own the same number of slots, or differ by one', async (t) => {
  for (let n = 1; n <= MAX_WORKERS; n++) {
    const table = slotTable(n)
    t.ok(isEven(table), `${n} workers`)
    t.equal(shares(table).size, n)
    t.ok(isGapless(table.workers))
  }
})

t.test(
  'after workers leave and come back in any order, the slots are spread evenly over the workers in the table',
  async () => {
    fc.assert(
      fc.property(walk, ({ workers, steps }) => {
        let table = slotTable(workers)
        for (const worker of steps) {
          table = step(table, worker)
          if (!isEven(table)) return false
          if ([...shares(table).keys()].some((owner) => !table.workers.includes(owner))) return false
        }
        return true
      }),
    )
  },
)

t.test('when a worker leaves, only its own slots move', async () => {
  fc.assert(
    fc.property(walk, fc.nat(), ({ workers, steps }, which) => {
      const table = steps.reduce(step, slotTable(workers))
      const leaver = table.workers[which % table.workers.length] ?? 0
      if (table.workers.length === 1) return true
      const after = table.without(leaver)
      if (isGapless(after.workers)) return same(after, slotTable(after.workers.length))
      return moved(table, after).every((slot) => table.owners[slot] === leaver)
    }),
  )
})

t.test('when a worker joins, it gets its share and no other slot moves', async () => {
  fc.assert(
    fc.property(walk, fc.nat({ max: MAX_WORKERS - 1 }), ({ workers, steps }, newcomer) => {
      const tables = [slotTable(workers)]
      for (const worker of steps) tables.push(step(tables.at(-1)!, worker))
      const table = tables.at(-1)!
      if (table.workers.includes(newcomer)) return true
      const after = table.with(newcomer)
      if (isGapless(after.workers)) return same(after, slotTable(after.workers.length))
      // The leave led to the table of n workers and moved other slots too: the return undoes all of it.
      if (isGapless(table.workers) && tables.some((former) => same(former, after))) return true
      const slots = moved(table, after)
      return slots.length === shares(after).get(newcomer) && slots.every((slot) => after.owners[slot] === newcomer)
    }),
    { examples: [[{ workers: 6, steps: [3, 0, 5, 0, 4] }, 4]] },
  )
})

t.test('a worker that leaves and comes back has the same slots again', async () => {
  fc.assert(
    fc.property(walk, fc.nat(), ({ workers, steps }, which) => {
      const table = steps.reduce(step, slotTable(workers))
      const leaver = table.workers[which % table.workers.length] ?? 0
      return table.workers.length === 1 || same(table.without(leaver).with(leaver), table)
    }),
  )
})

t.test('a worker that comes back while another one is missing gets at least nine tenths of its slots', async (t) => {
  for (const workers of [3, 4, 6, 8, 16, 32]) {
    const full = slotTable(workers)
    for (const first of full.workers) {
      for (const second of full.workers) {
        if (first === second) continue
        const table = full.without(first).without(second).with(first)
        const before = [...full.owners.keys()].filter((slot) => full.owners[slot] === first)
        const again = before.filter((slot) => table.owners[slot] === first)
        if (again.length < before.length * 0.9)
          t.fail(`${again.length} of ${before.length}: ${workers}, ${first}, ${second}`)
      }
    }
  }
})

t.test('workers that come back in the reverse order in which they left restore each earlier table', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 32 }), fc.nat(), (workers, seed) => {
      const leavers = [...slotTable(workers).workers].sort((a, b) => hashOf(a, seed) - hashOf(b, seed)).slice(1)
      const tables = leavers.reduce((all, worker) => [...all, all.at(-1)!.without(worker)], [slotTable(workers)])
      let table = tables.at(-1)!
      for (const worker of leavers.toReversed()) {
        table = table.with(worker)
        tables.pop()
        if (!same(table, tables.at(-1)!)) return false
      }
      return true
    }),
  )
})

t.test('workers 0 to n-1 always have the same table, whatever happened before', async () => {
  fc.assert(
    fc.property(walk, ({ workers, steps }) => {
      const table = steps.reduce(step, slotTable(workers))
      const back = slotTable(workers).workers.filter((worker) => !table.workers.includes(worker))
      const home = back.reduce((from, worker) => from.with(worker), table)
      return same(home, slotTable(workers))
    }),
  )
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 }), fc.nat(), (stay, more, seed) => {
      const leavers = Array.from({ length: more }, (_, i) => stay + i).sort((a, b) => hashOf(a, seed) - hashOf(b, seed))
      const table = leavers.reduce((from, worker) => from.without(worker), slotTable(stay + more))
      return same(table, slotTable(stay))
    }),
  )
})

t.test('a table depends on its own steps only, not on tables that were built before', async (t) => {
  // A second copy of the module, in which no table was built yet.
  const fresh = (await import(`../../src/slots/slot-table.js?fresh=${process.pid}`)) as {
    slotTable: typeof slotTable
  }
  slotTable(MAX_WORKERS)
  for (const ids of [[200], [7, 3], [255, 1, 90]]) {
    const table = ids.reduce((from, id) => from.with(id), slotTable(2))
    const other = ids.reduce((from, id) => from.with(id), fresh.slotTable(2))
    t.ok(same(table, other), ids.join())
  }
})

t.test('a table forgets its oldest steps, and still undoes the last one', async (t) => {
  // Worker 0 stays out, so that the table of all eight workers, which is never freed, does not come back.
  const nth = (i: number) => 1 + ((i * 5) % 7)
  let table = slotTable(8).without(0)
  const first = new WeakRef(table)
  for (let i = 0; i < 1000; i++) {
    const after = step(table, nth(i))
    if (!same(step(after, nth(i)), table)) t.fail(`step ${i} cannot be undone`)
    table = after
  }
  // A WeakRef keeps its target until the end of this turn of the event loop.
  await new Promise(setImmediate)
  collectGarbage()
  t.equal(first.deref(), undefined)
  t.ok(isEven(table))
})

t.test('a table is a value: a change does not alter the previous table', async () => {
  fc.assert(
    fc.property(walk, ({ workers, steps }) => {
      let table = slotTable(workers)
      for (const worker of steps) {
        const [owners, ids] = [Buffer.from(table.owners), table.workers.join()]
        const after = step(table, worker)
        if (!owners.equals(table.owners) || ids !== table.workers.join()) return false
        table = after
      }
      return true
    }),
  )
})

t.test('a change without effect returns the same table', async (t) => {
  const table = slotTable(3)
  t.equal(table.with(2), table)
  t.equal(table.without(3), table)
  t.equal(slotTable(3), table)
})

t.test('an impossible table is refused', async (t) => {
  for (const n of [0, -1, 1.5, 257, Number.NaN]) t.throws(() => slotTable(n), RangeError, String(n))
  for (const id of [-1, 256, 0.5]) t.throws(() => slotTable(2).with(id), { message: /0 to 255, got/ }, String(id))
  t.throws(() => slotTable(1).without(0), { message: /the last one/ })
})

function collectGarbage(): void {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
}

function hashOf(worker: number, seed: number): number {
  return fingerprint32(Buffer.from(`${worker} ${seed}`))
}
