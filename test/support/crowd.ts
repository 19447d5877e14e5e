// Visitors of several workers, and how to know that what was said has been heard.
import type { Test } from 'tap'
import { until } from './clients.ts'
import { visit, type Place, type Visitor, type VisitorOptions } from './socket-io.ts'

type Visitors = [Visitor, Visitor, Visitor, ...Visitor[]]

export interface Crowd {
  /** Workers, on one host or several, that know each other. */
  readonly places: readonly Place[]
  /** One at each worker, and a second one at the first. */
  visitors(t: Test, options?: VisitorOptions): Promise<Visitors>
  /** Everybody has heard what any of them said before. */
  settled(all: Visitor[]): Promise<void>
  /** Some adapters subscribe to a room when somebody joins, which takes a moment: until it is heard from elsewhere. */
  settle(visitor: Visitor, room: string): Promise<void>
  join(visitor: Visitor, ...rooms: string[]): Promise<void>
}

/** @param times - see {@link fence} */
export async function gather(t: Test, places: Place[], times: number): Promise<Crowd> {
  // Elsewhere, so that they are not among those who are counted.
  const callers = await Promise.all(places.slice(0, 2).map((place) => visit(t, place, { namespace: '/other' })))
  const settle = async (visitor: Visitor, room: string) => {
    const caller = callers.find(({ pid }) => pid !== visitor.pid)!
    await until(`${room} is heard from elsewhere`, async () => {
      await caller.call('main', ['to', room], ['emit', `calling ${room}`])
      return visitor.heard(`calling ${room}`).length > 0
    })
  }
  return {
    places,
    visitors: async (t, options) => {
      const all = await Promise.all([...places, places[0]!].map((place) => visit(t, place, options)))
      return all as Visitors
    },
    settled: (all) => fence(all, times),
    settle,
    async join(visitor, ...rooms) {
      await visitor.call('socket', ['join', rooms])
      for (const room of rooms) await settle(visitor, room)
    },
  }
}

/**
 * Once everybody has heard of it, everybody has heard what any of them said before.
 *
 * @param times - where messages go by one of several nodes, so many that some go by each
 */
export async function fence(all: Visitor[], times = 1): Promise<void> {
  const speakers = [...new Map(all.map((one) => [one.pid, one])).values()]
  const before = all.map(({ heard }) => heard('fence').length)
  const speaking = speakers.flatMap((one) =>
    Array.from({ length: times }, () => one.call('namespace', ['emit', 'fence'])),
  )
  await Promise.all(speaking)
  const passed = () => all.every(({ heard }, n) => heard('fence').length === before[n]! + speaking.length)
  await until('everybody heard the fence', passed)
}

/** Who heard it, once: their ids. */
export function who(all: Visitor[], event: string): string[] {
  return ids(all.filter(({ heard }) => heard(event).length === 1))
}

export function ids(visitors: Visitor[]): string[] {
  return visitors.map(({ id }) => id)
}

export function inOrder(numbers: unknown[]): number[] {
  return (numbers as number[]).toSorted((one, other) => one - other)
}

export function without(all: Visitor[], ...some: Visitor[]): Visitor[] {
  return all.filter((one) => !some.includes(one))
}
