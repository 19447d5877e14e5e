// From a slot to its worker. A table is a value; a change returns a new one.
import { SLOTS } from './hash.ts'

/** The most workers a table can hold: one per slot. */
export const MAX_WORKERS = SLOTS

/**
 * The owners of the 256 slots.
 *
 * Three promises, tested as properties: *even* (any two workers own the same number of slots or differ by one),
 * *minimal* (a change moves only the slots that have to move: to the worker that joined, or from the worker that left)
 * and *repeatable* (workers 0..n-1 always have the same table, so a restart moves no client). When several workers
 * leave and come back in another order, even and repeatable win over minimal. The return of the worker that left last
 * restores the table from before it left.
 */
export interface SlotTable {
  /** Ids of the workers that own slots, ascending. */
  readonly workers: readonly number[]
  /** Worker id by slot, 256 entries. */
  readonly owners: Readonly<Uint8Array>
  /** The table after this worker joined; the same table if it already owns slots. */
  with(worker: number): SlotTable
  /** The table after this worker left, its slots spread over the others; the same table if it owns no slots. */
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

/** The tables of workers 0..n-1 that were built before, by n. */
const complete = new Map<number, SlotTable>()

function joined(smaller: SlotTable, ids: readonly number[]): SlotTable {
  const newcomer = ids.length - 1
  return table(ids, grow(smaller, newcomer), { worker: newcomer, table: smaller, depth: 0 })
}

/** The last change of a table, so that the opposite change gives exactly the previous table back. */
interface Step {
  readonly worker: number
  readonly table: SlotTable
  /** How many earlier steps this one refers to. */
  readonly depth: number
}

/** Bounds the memory of a primary that runs for years with one worker missing. */
const MAX_STEPS = 64

function table(workers: readonly number[], owners: Readonly<Uint8Array>, last?: Step): SlotTable {
  /** The step from `from` to a table that is being built. */
  const step = (worker: number, from: SlotTable): Step =>
    last === undefined || last.depth < MAX_STEPS
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
      // No worker is missing: the one table of n workers. Its last step leads to n - 1.
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

/** Whether the workers are 0..n-1 without a gap: those always have the same table, whatever happened before. */
function gapless(workers: readonly number[]): boolean {
  return workers.at(-1) === workers.length - 1
}

/**
 * Gives the newcomer floor(256 / n) slots, each from the worker that owns the most slots at that moment.
 *
 * @param full - the table without missing workers. Given the choice, the newcomer takes slots that it owns in this
 *   table: their clients are its own from before it left.
 */
function grow(from: SlotTable, newcomer: number, full?: SlotTable): Uint8Array {
  const owners = from.owners.slice()
  const shares = sharesOf(from)
  const isItsOwn = (slot: number) => full?.owners[slot] === newcomer
  // Without that table no slot is the newcomer's own. To look for one would take most of the time of a start.
  const rank = ({ slots }: Share) => 2 * slots.length + Number(full !== undefined && slots.some(isItsOwn))
  for (let i = Math.floor(SLOTS / (shares.length + 1)); i > 0; i--) {
    const { slots } = shares.reduce((a, b) => (rank(b) > rank(a) ? b : a))
    // Without a slot of its own this is -1, which splice() takes as the last one.
    const at = full === undefined ? -1 : slots.findLastIndex(isItsOwn)
    for (const slot of slots.splice(at, 1)) owners[slot] = newcomer
  }
  return owners
}

/** Gives each slot of the leaver to the worker that owns the fewest slots at that moment. */
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

/** The slots of each worker, in the order of the worker ids. */
function sharesOf({ workers, owners }: SlotTable): Share[] {
  const shares = new Map(workers.map((worker): [number, Share] => [worker, { worker, slots: [] }]))
  for (const [slot, worker] of owners.entries()) shares.get(worker)?.slots.push(slot)
  return [...shares.values()]
}
