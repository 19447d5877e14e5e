// The interface of the three counters; the counters of a bus have it too.

export interface Tally {
  add(n?: number): void
  read(): Promise<number>
}

export const WAYS = ['naive', 'ipc', 'redis'] as const

export type Way = (typeof WAYS)[number]

/** The counters by way; without Redis there is no counter in Redis. */
export type Tallies = Partial<Record<Way, Tally>>

/** The totals that pages get. 'off': there is no such counter; 'away': the counter does not answer now. */
export type Totals = Record<Way, number | 'off' | 'away'>

export async function readAll(tallies: Tallies): Promise<Totals> {
  const read = async (way: Way): Promise<Totals[Way]> => {
    if (tallies[way] === undefined) return 'off'
    return tallies[way].read().catch(() => 'away' as const)
  }
  const [naive, ipc, redis] = await Promise.all([read('naive'), read('ipc'), read('redis')])
  return { naive, ipc, redis }
}
