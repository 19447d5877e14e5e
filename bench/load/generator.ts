// The load generator: a child of the bench that does one task after the other.
import { setTimeout as pause } from 'node:timers/promises'
import {
  asking,
  keptAlive,
  pooled,
  sessionKey,
  shortConnection,
  webSocket,
  type Answered,
  type Conversation,
} from './clients.ts'
import { sourceAddress, type Outcome, type Task } from './load.ts'
import { inRooms, storm } from './rooms.ts'

/** WebSockets that idle tasks opened; they stay open until the process ends. */
const held: Conversation[] = []

/** State of a task, for a task that resumes it. */
interface Progress {
  /** Number of operations so far. */
  count: number
  conversations: Conversation[]
  /** Pid of the process that answered, by number of the source address. */
  servedBy: Map<number, number>
  unsticky: Set<number>
}

let progress = nothing()

function nothing(): Progress {
  return { count: 0, conversations: [], servedBy: new Map(), unsticky: new Set() }
}

process.on('message', (task: Task) => {
  run(task).then(
    (outcome) => process.send?.({ outcome }),
    (error: unknown) => process.send?.({ error: String(error) }),
  )
})

async function run(task: Task): Promise<Outcome> {
  if (task.resume !== true) progress = nothing()
  const address = (n: number) => sourceAddress((task.first ?? 0) + (n % task.sources))
  const { port, session, requests } = task
  const key = async (n: number) => (session === undefined ? undefined : sessionKey(port, address(n), session))
  switch (task.kind) {
    case 'connections':
      return operations(task, (n, answered) => shortConnection(task.port, address(n), answered))
    case 'requests':
      if (requests !== undefined) return converse(task, async (n) => asking(port, address(n), requests[n] ?? []))
      return converse(task, async (n) =>
        session === 'pooled' ? pooled(port, address(n)) : keptAlive(port, address(n), await key(n)),
      )
    case 'messages':
      return converse(task, async (n) => webSocket(port, address(n), await key(n)))
    case 'idle':
      return operations(task, (n, answered) => {
        void hold(webSocket(task.port, address(n)), answered)
      })
    case 'rooms':
      return inRooms(task)
    case 'storm':
      return storm(task)
    default:
      return probe(task, address(0))
  }
}

async function hold(opening: Promise<Conversation>, answered: Answered): Promise<void> {
  try {
    held.push(await opening)
    answered(1)
  } catch (error) {
    answered(0, error as Error)
  }
}

/** Runs the task with `concurrency` conversations, each on its own connection. */
async function converse(task: Task, open: (n: number) => Promise<Conversation>): Promise<Outcome> {
  if (progress.conversations.length === 0) {
    progress.conversations = await Promise.all(Array.from({ length: task.concurrency }, (_, n) => open(n)))
  }
  const { conversations } = progress
  let spinning = task.awake === true
  const spin = (): void => void (spinning && setImmediate(spin))
  spin()
  const outcome = await operations(task, (_, answered, lane) => conversations[lane]?.ask(answered)).finally(() => {
    spinning = false
  })
  if (task.stay !== true) for (const conversation of progress.conversations.splice(0)) conversation.end()
  return outcome
}

type Operation = (n: number, answered: Answered, lane: number) => void

function operations({ count, concurrency, sources }: Task, operate: Operation): Promise<Outcome> {
  const latencies = new Float64Array(count)
  const { servedBy, unsticky } = progress
  const outcome = { done: 0, failed: 0, pid: 0 } as Outcome
  const began = performance.now()
  const cpu = process.cpuUsage()
  let started = 0
  return new Promise((finish) => {
    const next = (lane: number): void => {
      if (started === count) return
      started++
      const n = progress.count++
      const sent = performance.now()
      operate(n, (pid, error) => answered(n, lane, sent, pid, error), lane)
    }
    const answered = (n: number, lane: number, sent: number, pid: number, error?: Error): void => {
      if (error === undefined && pid > 0) {
        latencies[outcome.done++] = performance.now() - sent
        const source = n % sources
        if ((servedBy.get(source) ?? pid) !== pid) unsticky.add(source)
        servedBy.set(source, (outcome.pid = pid))
      } else {
        outcome.failed++
        outcome.error ??= error?.message ?? 'wrong answer'
      }
      if (outcome.done + outcome.failed === count) finish(summary())
      else next(lane)
    }
    const summary = (): Outcome => {
      const elapsed = performance.now() - began
      const { user, system } = process.cpuUsage(cpu)
      const sorted = latencies.subarray(0, outcome.done).sort()
      return {
        ...outcome,
        elapsed,
        p50: sorted[Math.floor(sorted.length * 0.5)] ?? 0,
        p99: sorted[Math.floor(sorted.length * 0.99)] ?? 0,
        busy: (user + system) / 1000 / elapsed,
        unsticky: unsticky.size,
      }
    }
    for (let lane = 0; lane < Math.min(concurrency, count); lane++) next(lane)
  })
}

/** Tries until a try is answered. `failed` is the number of failed tries, `elapsed` the time of all tries. */
async function probe({ port }: Task, address: string): Promise<Outcome> {
  const began = performance.now()
  for (let failed = 0; ; failed++) {
    const pid = await new Promise<number>((done) => shortConnection(port, address, done))
    const elapsed = performance.now() - began
    if (pid > 0) return { done: 1, failed, elapsed, p50: elapsed, p99: elapsed, busy: 0, unsticky: 0, pid }
    if (elapsed > 30_000) throw new Error('no server answered for 30 s')
    await pause(2)
  }
}
