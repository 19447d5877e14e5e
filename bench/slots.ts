// How even is the slot table, and how many clients does a change move? Compared with the usual ways; nothing is timed.
import { fingerprint32, SLOTS, slotOf } from '../src/slots/hash.ts'
import { slotTable } from '../src/slots/slot-table.ts'
import type { Settings } from './support/arguments.ts'
import { progress } from './support/progress.ts'
import type { Report, Table } from './support/report.ts'
import { RIVALS, type Lookup, type Rival } from './support/rivals.ts'

const COUNTS = [2, 3, 4, 8, 16, 32, 64]

const OURS: Rival = {
  label: 'Holdfast, 256 slots',
  anyCanLeave: true,
  of(workers) {
    const table = workers.includes(0) ? slotTable(workers.length) : slotTable(workers.length + 1).without(0)
    return (hash) => table.owners[slotOf(hash)]!
  },
}

export function slots({ quick }: Settings): Promise<Report> {
  const hashes = clients(quick ? 10_000 : 200_000)
  const measured = [OURS, ...RIVALS].map((rival) => {
    progress(`slots: ${rival.label}`)
    // Holdfast is computed exactly from its slots, which have equal shares; the others are measured with many clients.
    const keys = rival === OURS ? Float64Array.from({ length: SLOTS }, (_, slot) => slot) : hashes
    return { rival, figures: COUNTS.map((n) => figures(rival, n, keys)) }
  })
  const table = (title: string, cell: (figure: Figures) => string): Table => ({
    columns: [title, ...COUNTS.map((n) => `n = ${n}`)],
    rows: measured.map(({ rival, figures: all }) => [rival.label, ...all.map(cell)]),
  })
  const at = COUNTS.indexOf(8)
  const chart = (title: string, mark: number, value: (figure: Figures) => number | undefined) => ({
    title,
    mark,
    bars: measured.map(({ rival, figures: all }) => {
      const figure = value(all[at]!)
      return { label: rival.label, value: figure, text: figure?.toFixed(2) ?? 'can lose only the last worker' }
    }),
  })
  return Promise.resolve({
    tables: [
      table('Balance: the largest share of clients, fair share = 1', ({ largest }) => largest.toFixed(3)),
      table('n to n + 1: clients that move, unavoidable = 1', ({ grown }) => grown.toFixed(3)),
      table('Worker 0 leaves: clients of others that move', ({ bystanders }) =>
        bystanders === undefined ? 'cannot' : `${(bystanders * 100).toFixed(1)} %`,
      ),
    ],
    charts: [
      chart('Largest share of clients at n = 8, fair share = 1', 1, ({ largest }) => largest),
      chart('Clients that move from n = 8 to 9, unavoidable = 1', 1, ({ grown }) => grown),
      chart('Share of other workers’ clients that move when one of 8 leaves', 0, ({ bystanders }) => bystanders),
    ],
    notes: [
      `The figures of Holdfast are exact; the others come from ${hashes.length.toLocaleString('en')} simulated clients. ` +
        'The unavoidable share is 1 / (n + 1) of all clients. Holdfast can be below 1, because it moves whole slots: the new worker gets floor(256 / (n + 1)). ' +
        'A worker that crashes does not leave: its replacement has the same id and the same slots, so no client moves.',
    ],
    exact: true,
    failures: [],
  })
}

interface Figures {
  largest: number
  grown: number
  bystanders: number | undefined
}

function figures(rival: Rival, n: number, keys: Float64Array): Figures {
  const workers = Array.from({ length: n }, (_, i) => i)
  const now = rival.of(workers)
  const served = new Float64Array(n)
  for (const key of keys) served[now(key)]!++
  return {
    largest: (Math.max(...served) * n) / keys.length,
    grown: moved(keys, now, rival.of([...workers, n])) * (n + 1),
    bystanders: rival.anyCanLeave ? moved(keys, now, rival.of(workers.slice(1)), 0) : undefined,
  }
}

/** Share of the keys that move to another worker, without the keys of `leaver`, which have to move. */
function moved(keys: Float64Array, before: Lookup, after: Lookup, leaver = -1): number {
  let count = 0
  let all = 0
  for (const key of keys) {
    const worker = before(key)
    if (worker === leaver) continue
    all++
    if (after(key) !== worker) count++
  }
  return count / all
}

function clients(count: number): Float64Array {
  const address = Buffer.alloc(4)
  return Float64Array.from({ length: count }, (_, i) => {
    address.writeUInt32BE(0x0a000000 + i)
    return fingerprint32(address)
  })
}
