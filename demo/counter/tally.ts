// What counts, whichever way: the bus' counters are of this kind as well.

export interface Tally {
  add(n?: number): void
  read(): Promise<number>
}

export const WAYS = ['naive', 'ipc', 'redis'] as const

export type Way = (typeof WAYS)[number]

/** Redis is not always there. */
export type Tallies = Partial<Record<Way, Tally>>

/** What pages are told. 'off': it was never there; 'away': it cannot be asked now. */
export type Totals = Record<Way, number | 'off' | 'away'>

export async function readAll(tallies: Tallies): Promise<Totals> {
  const read = async (way: Way): Promise<Totals[Way]> => {
    if (tallies[way] === undefined) return 'off'
    return tallies[way].read().catch(() => 'away' as const)
  }
  const [naive, ipc, redis] = await Promise.all([read('naive'), read('ipc'), read('redis')])
  return { naive, ipc, redis }
}
