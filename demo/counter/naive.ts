// A counter as it is often written: the worker sends a message to the primary for every hit. This file has the
// primary's end and the worker's end. Holdfast ignores messages that are not its own.
import type { ChildProcess } from 'node:child_process'
import { subscribe } from 'node:diagnostics_channel'
import type { Tally } from './tally.ts'

/** The cost of counting in the primary since it started. */
export interface Cost {
  /** Messages from the workers: the hits of this counter and the frames of the bus. */
  messages: number
  /** Milliseconds of the primary's processor time. */
  cpu: number
}

interface Answer {
  total: number
  cost: Cost
}

type Message = { naive: 'hit' } | { naive: 'ask'; question: number } | ({ naive: 'answer'; question: number } & Answer)

/**
 * The primary's end. Call this function before the first worker starts: it then sees every child process.
 *
 * @param frames - returns the number of bus frames received so far
 */
export function countForWorkers(frames: () => number): void {
  let total = 0
  const answer = (worker: ChildProcess, question: number): void => {
    const { user, system } = process.cpuUsage()
    const cost = { messages: total + frames(), cpu: (user + system) / 1_000 }
    const message: Message = { naive: 'answer', question, total, cost }
    // Without the callback, send() to a worker that has just ended emits 'error', and that ends the primary.
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

/** The worker's end. */
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
    // Messages keep their order, so the answer includes all hits that this worker sent before.
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
