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
 * and come back in another order, even and repeatable win over minimal.
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
  for (let n = complete.length; n <= workers; n++) {
    const smaller = complete[n - 1] ?? empty
    complete[n] = table(sequence(n), grow(smaller, n - 1, n), { worker: n - 1, table: smaller, depth: 0 })
  }
  return complete[workers] ?? empty
}

/** The one step that led to a table, so that the opposite step gives exactly the former one back. */
interface Step {
  worker: number
  table: SlotTable
  /** Steps remembered behind this one. */
  depth: number
}

/** Steps to remember, so that a process that runs for years with one worker missing does not grow. */
const MEMORY = 64

function table(workers: readonly number[], owners: Readonly<Uint8Array>, last?: Step): SlotTable {
  const next = (worker: number, from: SlotTable): Step | undefined => {
    const depth = (last?.depth ?? 0) + 1
    return depth > MEMORY ? undefined : { worker, table: from, depth }
  }
  return Object.freeze({
    workers,
    owners,
    with(worker: number): SlotTable {
      if (!Number.isInteger(worker) || worker < 0 || worker >= MAX_WORKERS) {
        throw new RangeError(`a worker id is 0 to ${MAX_WORKERS - 1}, got ${worker}`)
      }
      if (workers.includes(worker)) return this
      if (last?.worker === worker && last.table.workers.length > workers.length) return last.table
      const joined = [...workers, worker].sort((a, b) => a - b)
      // Everybody is home: the table of n workers itself, whose own history leads to n - 1.
      if (gapless(joined)) return slotTable(joined.length)
      return table(joined, grow(this, worker, joined.length), next(worker, this))
    },
    without(worker: number): SlotTable {
      if (!workers.includes(worker)) return this
      if (workers.length === 1) throw new RangeError(`worker ${worker} is the last one: a slot table cannot be empty`)
      if (last?.worker === worker && last.table.workers.length < workers.length) return last.table
      const left = workers.filter((other) => other !== worker)
      const spread = gapless(left) ? slotTable(left.length).owners : shrink(this, worker, left)
      return table(left, spread, next(worker, this))
    },
  })
}

const empty = table([], new Uint8Array(SLOTS))
const complete: SlotTable[] = [empty, table([0], new Uint8Array(SLOTS))]

/** Workers 0..n-1 without a gap have the one table of n workers, whichever way they got there. */
function gapless(workers: readonly number[]): boolean {
  return workers.at(-1) === workers.length - 1
}

/** Gives the newcomer floor(256 / n) slots, one at a time from whoever owns the most then. */
function grow(from: SlotTable, newcomer: number, n: number): Uint8Array {
  const owners = from.owners.slice()
  const owned = slotsByWorker(from)
  // Among the slots of the richest, those that are the newcomer's in the complete table go first: they are its
  // clients from before it left. (While the complete table itself is being built there is none.)
  const home = complete[Math.max(newcomer, ...from.workers) + 1]?.owners
  for (let i = Math.floor(SLOTS / n); i > 0; i--) {
    const slots = from.workers.map((worker) => owned[worker] ?? []).reduce((a, b) => (b.length > a.length ? b : a))
    const [slot] = slots.splice(home === undefined ? -1 : slots.findLastIndex((s) => home[s] === newcomer), 1)
    if (slot !== undefined) owners[slot] = newcomer
  }
  return owners
}

/** Gives each slot of the leaver to whoever owns the fewest then. */
function shrink(from: SlotTable, leaver: number, workers: readonly number[]): Uint8Array {
  const owners = from.owners.slice()
  const owned = slotsByWorker(from)
  const candidates = workers.map((worker) => ({ worker, slots: owned[worker] ?? [] }))
  for (const slot of owned[leaver] ?? []) {
    const heir = candidates.reduce((a, b) => (b.slots.length < a.slots.length ? b : a))
    heir.slots.push(slot)
    owners[slot] = heir.worker
  }
  return owners
}

function slotsByWorker({ owners }: SlotTable): number[][] {
  const owned: number[][] = []
  for (const [slot, worker] of owners.entries()) (owned[worker] ??= []).push(slot)
  return owned
}

function sequence(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i)
}
