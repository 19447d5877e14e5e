// Which worker is theirs, second half: slot -> worker. A table is a value; a change returns a new one.
import { SLOTS } from './hash.ts'

/** The most workers a table can hold: one per slot. */
export const MAX_WORKERS = SLOTS

/**
 * The owners of the 256 slots.
 *
 * Three promises, tested as properties: *even* (any two workers own the same number of slots or differ by one),
 * *minimal* (a change moves only the slots that have to move: to the newcomer, or from the one that left) and
 * *repeatable* (workers 0..n-1 always have the same table, so a restart moves no client). Where several workers left
 * and come back in another order, even and repeatable win over minimal; whoever left last and comes back undoes its
 * step, whatever it had moved.
 */
export interface SlotTable {
  /** Ids of the workers that own slots, ascending. */
  readonly workers: readonly number[]
  /** Worker id by slot, 256 entries. */
  readonly owners: Readonly<Uint8Array>
  /** The table after this worker joined; this table if it is a member already. */
  with(worker: number): SlotTable
  /** The table after this worker left, its slots spread over the others; this table if it is not a member. */
  without(worker: number): SlotTable
}

/** The table of workers 0..n-1, n from 1 to 256. */
export function slotTable(workers: number): SlotTable {
  if (!Number.isInteger(workers) || workers < 1 || workers > MAX_WORKERS) {
    throw new RangeError(`slotTable: expected 1 to ${MAX_WORKERS} workers, got ${workers}`)
  }
  const built = complete.get(workers)
  if (built !== undefined) return built
  const ids = Array.from({ length: workers }, (_, id) => id)
  const fresh = workers === 1 ? table(ids, new Uint8Array(SLOTS)) : joined(slotTable(workers - 1), ids)
  complete.set(workers, fresh)
  return fresh
}

/** The tables of workers 0..n-1, by n. */
const complete = new Map<number, SlotTable>()

function joined(smaller: SlotTable, ids: readonly number[]): SlotTable {
  const newcomer = ids.length - 1
  return table(ids, grow(smaller, newcomer), { worker: newcomer, table: smaller, depth: 0 })
}

/** The one step that led to a table, so that the opposite step gives exactly the former one back. */
interface Step {
  readonly worker: number
  readonly table: SlotTable
  /** Steps remembered behind this one. */
  readonly depth: number
}

/** Steps to remember, so that a process that runs for years with one worker missing does not grow. */
const MEMORY = 64

function table(workers: readonly number[], owners: Readonly<Uint8Array>, last?: Step): SlotTable {
  /** The step from here to a table that is being made. */
  const step = (worker: number, from: SlotTable): Step =>
    last === undefined || last.depth < MEMORY
      ? { worker, table: from, depth: (last?.depth ?? 0) + 1 }
      : { worker, table: table(workers, owners), depth: 1 }
  return Object.freeze({
    workers,
    owners,
    with(worker: number): SlotTable {
      if (!Number.isInteger(worker) || worker < 0 || worker >= MAX_WORKERS) {
        throw new RangeError(`a worker id is 0 to ${MAX_WORKERS - 1}, got ${worker}`)
      }
      if (workers.includes(worker)) return this
      if (last?.worker === worker) return last.table
      const all = [...workers, worker].sort((a, b) => a - b)
      // Everybody is home: the table of n workers itself, whose own history leads to n - 1.
      if (gapless(all)) return slotTable(all.length)
      return table(all, grow(this, worker, slotTable(Math.max(...all) + 1)), step(worker, this))
    },
    without(worker: number): SlotTable {
      if (!workers.includes(worker)) return this
      if (workers.length === 1) throw new RangeError(`worker ${worker} is the last one: a slot table cannot be empty`)
      if (last?.worker === worker) return last.table
      const left = workers.filter((other) => other !== worker)
      const spread = gapless(left) ? slotTable(left.length).owners : shrink(this, worker)
      return table(left, spread, step(worker, this))
    },
  })
}

/** Workers 0..n-1 without a gap have the one table of n workers, whichever way they got there. */
function gapless(workers: readonly number[]): boolean {
  return workers.at(-1) === workers.length - 1
}

/**
 * Gives the newcomer floor(256 / n) slots, one at a time from whoever owns the most then.
 *
 * @param home - the table in which everybody is there. Where there is a choice, the slots that are the newcomer's in it
 *   go first: they are its clients from before it left.
 */
function grow(from: SlotTable, newcomer: number, home?: SlotTable): Uint8Array {
  const owners = from.owners.slice()
  const shares = sharesOf(from)
  const isItsOwn = (slot: number) => home?.owners[slot] === newcomer
  const rank = ({ slots }: Share) => 2 * slots.length + Number(slots.some(isItsOwn))
  for (let i = Math.floor(SLOTS / (shares.length + 1)); i > 0; i--) {
    const { slots } = shares.reduce((a, b) => (rank(b) > rank(a) ? b : a))
    // -1, so the last one, where none of them is its own.
    for (const slot of slots.splice(slots.findLastIndex(isItsOwn), 1)) owners[slot] = newcomer
  }
  return owners
}

/** Gives each slot of the leaver to whoever owns the fewest then. */
function shrink(from: SlotTable, leaver: number): Uint8Array {
  const owners = from.owners.slice()
  const heirs = sharesOf(from).filter(({ worker }) => worker !== leaver)
  for (const [slot, owner] of from.owners.entries()) {
    if (owner !== leaver) continue
    const heir = heirs.reduce((a, b) => (b.slots.length < a.slots.length ? b : a))
    heir.slots.push(slot)
    owners[slot] = heir.worker
  }
  return owners
}

interface Share {
  readonly worker: number
  readonly slots: number[]
}

/** What each worker owns, in the order of their ids. */
function sharesOf({ workers, owners }: SlotTable): Share[] {
  const shares = new Map(workers.map((worker): [number, Share] => [worker, { worker, slots: [] }]))
  for (const [slot, worker] of owners.entries()) shares.get(worker)?.slots.push(slot)
  return [...shares.values()]
}
