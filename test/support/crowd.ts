// Visitors of several workers, and a way to wait until all of them have received all messages.
import type { Test } from 'tap'
import { until } from './clients.ts'
import { visit, type Place, type Visitor, type VisitorOptions } from './socket-io.ts'

type Visitors = [Visitor, Visitor, Visitor, ...Visitor[]]

export interface Crowd {
  /** Workers that are connected to each other, on one host or several. */
  readonly places: readonly Place[]
  /** One visitor at each worker, and a second one at the first worker. */
  visitors(t: Test, options?: VisitorOptions): Promise<Visitors>
  /** Resolves when all visitors have received all earlier messages. */
  settled(all: Visitor[]): Promise<void>
  /**
   * Resolves when messages of other workers reach the visitor in the room. Some adapters subscribe at the first join.
   */
  settle(visitor: Visitor, room: string): Promise<void>
  join(visitor: Visitor, ...rooms: string[]): Promise<void>
}

/** @param times - see {@link fence} */
export async function gather(t: Test, places: Place[], times: number): Promise<Crowd> {
  // The callers are in another namespace, so that they do not count as visitors.
  const callers = await Promise.all(places.slice(0, 2).map((place) => visit(t, place, { namespace: '/other' })))
  const settle = async (visitor: Visitor, room: string) => {
    const caller = callers.find(({ pid }) => pid !== visitor.pid)!
    await until(`${room} is received from elsewhere`, async () => {
      await caller.call('main', ['to', room], ['emit', `calling ${room}`])
      return visitor.received(`calling ${room}`).length > 0
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
 * Sends a last message from every worker, and resolves when all visitors have received it, and so all earlier messages.
 *
 * @param times - number of last messages; with several Redis nodes, so many that every node carries some
 */
export async function fence(all: Visitor[], times = 1): Promise<void> {
  const speakers = [...new Map(all.map((one) => [one.pid, one])).values()]
  const before = all.map(({ received }) => received('fence').length)
  const speaking = speakers.flatMap((one) =>
    Array.from({ length: times }, () => one.call('namespace', ['emit', 'fence'])),
  )
  await Promise.all(speaking)
  const passed = () => all.every(({ received }, n) => received('fence').length === before[n]! + speaking.length)
  await until('all visitors receive the last message', passed)
}

/** The ids of the visitors that received the event exactly once. */
export function receiversOf(all: Visitor[], event: string): string[] {
  return ids(all.filter(({ received }) => received(event).length === 1))
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
