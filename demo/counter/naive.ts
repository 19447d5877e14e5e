// A counter as it is often written: a message to the primary for every hit. Both ends of it; Holdfast leaves messages alone
// that are not its own.
import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import type { Tally } from './tally.ts'

/** What counting has cost the primary since it started. */
export interface Cost {
  /** Messages from the workers: those of this counter, and the frames of the bus. */
  messages: number
  /** Milliseconds of its processor time. */
  cpu: number
}

interface Answer {
  total: number
  cost: Cost
}

type Message = { naive: 'hit' } | { naive: 'ask'; question: number } | ({ naive: 'answer'; question: number } & Answer)

/**
 * The primary's end. To be called before the first worker is started: Node tells of every child process.
 *
 * @param frames - those of the bus that came so far
 */
export function countForWorkers(frames: () => number): void {
  let total = 0
  const answer = (worker: ChildProcess, question: number): void => {
    const { user, system } = process.cpuUsage()
    const cost = { messages: total + frames(), cpu: (user + system) / 1_000 }
    const message: Message = { naive: 'answer', question, total, cost }
    // Without the callback, a worker that has just gone would be an 'error' that ends the primary.
    if (worker.connected) worker.send(message, () => {})
  }
  subscribe('child_process', (event) => {
    const { process: worker } = event as { process: ChildProcess }
    worker.on('message', (raw: unknown) => {
      if (!isNaive(raw)) return
      if (raw.naive === 'hit') total++
      if (raw.naive === 'ask') answer(worker, raw.question)
    })
  })
}

/** A worker's end. */
export function naiveTally(): Tally & { cost(): Promise<Cost> } {
  const send = (message: Message): unknown => process.send?.(message, undefined, undefined, () => {})
  const waiting = new Map<number, (answer: Answer) => void>()
  let asked = 0
  process.on('message', (raw: unknown) => {
    if (!isNaive(raw) || raw.naive !== 'answer') return
    waiting.get(raw.question)?.(raw)
    waiting.delete(raw.question)
  })
  const ask = (): Promise<Answer> =>
    new Promise((answered) => {
      const question = ++asked
      waiting.set(question, answered)
      send({ naive: 'ask', question })
    })
  return {
    add(n = 1) {
      for (let hit = 0; hit < n; hit++) send({ naive: 'hit' })
    },
    // Messages keep their order: what was added here before is in the answer.
    async read() {
      return (await ask()).total
    },
    async cost() {
      return (await ask()).cost
    },
  }
}

function isNaive(raw: unknown): raw is Message {
  return typeof raw === 'object' && raw !== null && 'naive' in raw
}
