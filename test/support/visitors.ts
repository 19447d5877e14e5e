// Load that continues after failures and counts the outcome of each visit, for tests that kill a primary.
import http from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { codeOf } from '../../src/errors.ts'
import { request, until, type Reply } from './clients.ts'

/** Milliseconds between two visits of one client. */
const INTERVAL = 150
/** Milliseconds after which a visit counts as hung. */
const MAX_WAIT = 20_000

export interface Visitors {
  /** Number of visits by kind and outcome: `new answered`, `kept hung`, `new ECONNREFUSED`. */
  outcomes: Map<string, number>
  /** The next answer of each client to a request sent from now on. */
  next(): Promise<Map<string, Reply>>
  stop(): Promise<void>
}

/** Starts the load. Every second client keeps its connection; the others connect again for each visit. */
export function startVisitors(port: number, addresses: readonly string[]): Visitors {
  const outcomes = new Map<string, number>()
  let replies = new Map<string, Reply>()
  const state = { stopped: false }

  const visit = async (from: string, agent: http.Agent | false): Promise<string> => {
    try {
      const reply = await Promise.race([request({ port, from, agent }), pause(MAX_WAIT, undefined, { ref: false })])
      if (reply === undefined) return 'hung'
      replies.set(from, reply)
      return 'answered'
    } catch (error) {
      return codeOf(error) ?? String(error)
    }
  }

  const come = async (from: string, n: number): Promise<void> => {
    const agent = n % 2 === 0 && new http.Agent({ keepAlive: true, maxSockets: 1 })
    while (!state.stopped) {
      // A visit that started before the call of `next()` must not count.
      const asked = replies
      const outcome = await visit(from, agent)
      if (asked !== replies) replies.delete(from)
      const name = `${agent ? 'kept' : 'new'} ${outcome}`
      outcomes.set(name, (outcomes.get(name) ?? 0) + 1)
      await pause(INTERVAL)
    }
    if (agent) agent.destroy()
  }

  const coming = addresses.map(come)
  return {
    outcomes,
    async next() {
      replies = new Map()
      await until('every client was answered', () => replies.size === addresses.length)
      return replies
    },
    async stop() {
      state.stopped = true
      await Promise.all(coming)
    },
  }
}
