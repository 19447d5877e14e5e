// Steady load: one third of the clients connects for each request, one third keeps its connection, one third has a
// WebSocket.
import { setTimeout as pause } from 'node:timers/promises'
import { until } from '../support/clients.ts'
import type { Failure } from './judge.ts'
import { Failed, keptVisitor, LIMIT, shortVisitor, talkingVisitor, type Visitor } from './visitors.ts'

/** Milliseconds between two requests of one client. */
const INTERVAL = 150

export interface Load {
  /** Number of answers so far. */
  readonly answers: number
  /** The worker that answered each client last. */
  readonly landed: ReadonlyMap<string, number>
  /** The failures since the last call. */
  failures(): Failure[]
  /** Resolves when no request is open; none starts until `go`. Connections stay open. */
  rest(): Promise<void>
  go(): void
  stop(): Promise<void>
}

const KINDS = [shortVisitor, keptVisitor, talkingVisitor]

export function startLoad(port: number, addresses: readonly string[]): Load {
  const landed = new Map<string, number>()
  const state = { answers: 0, busy: 0, resting: false, stopped: false, failures: [] as Failure[] }

  const visit = async ({ from, visit }: Visitor): Promise<void> => {
    state.busy++
    try {
      const { worker } = await visit()
      landed.set(from, worker)
      state.answers++
    } catch (error) {
      if (!(error instanceof Failed)) throw error
      state.failures.push(error.failure)
    }
    state.busy--
  }
  const live = async (visitor: Visitor, first: number): Promise<void> => {
    await pause(first)
    while (!state.stopped) {
      if (!state.resting) await visit(visitor)
      await pause(INTERVAL)
    }
    visitor.leave()
  }
  // The clients start one after the other.
  const lives = addresses.map((from, i) => live(KINDS[i % 3]!(port, from), (i / addresses.length) * INTERVAL))
  return {
    get answers() {
      return state.answers
    },
    landed,
    failures: () => state.failures.splice(0),
    async rest() {
      state.resting = true
      await until('the clients are at rest', () => state.busy === 0, 2 * LIMIT)
    },
    go() {
      state.resting = false
    },
    async stop() {
      state.stopped = true
      await Promise.all(lives)
    },
  }
}
