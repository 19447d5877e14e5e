// What counts, whichever way: the bus' counters are of this kind as well.

export interface Tally {
  add(n?: number): void
  read(): Promise<number>
}

export const WAYS = ['naive', 'ipc', 'redis'] as const

export type Way = (typeof WAYS)[number]

/** Redis is not always there. */
export type Tallies = Partial<Record<Way, Tally>>

/** What pages are told; null for what is off, or can not be asked now. */
export type Totals = Record<Way, number | null>

export async function readAll(tallies: Tallies): Promise<Totals> {
  const read = (way: Way): Promise<number | null> => tallies[way]?.read().catch(() => null) ?? Promise.resolve(null)
  const [naive, ipc, redis] = await Promise.all([read('naive'), read('ipc'), read('redis')])
  return { naive, ipc, redis }
}
