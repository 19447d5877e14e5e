// Thousands of idle WebSockets: the memory that they need, and the wait of clients when their worker is killed.
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import type { Settings } from './arguments.ts'
import type { Contender } from './contender.ts'
import { Generator } from './generator.ts'
import { withContender } from './measure.ts'
import { cpuTime, processTree, residentMemory } from './process-tree.ts'
import { Unavailable } from './program.ts'
import { progress } from './progress.ts'
import type { Report } from './report.ts'

const WORKERS = 4

/** Milliseconds for which the CPU time of the idle processes is measured. */
const WATCHED = 3000

interface Idle {
  opened: number
  /** Bytes per WebSocket, in all workers together and in the primary. */
  workerMemory: number
  primaryMemory: number
  /** Share of one core that the primary used while nothing happened. */
  primaryCpu: number
  /** Milliseconds from the kill until a client of the killed worker is answered; undefined: no program restarts it. */
  back: number | undefined
  /** Number of tries of that client that were refused or reset meanwhile. */
  refused: number
}

export async function idleTable(settings: Settings, contenders: readonly Contender[]): Promise<Report> {
  const sizes = settings.quick ? [200] : [10_000, 50_000]
  const rows: string[][] = []
  const notes = new Set<string>()
  const failures: string[] = []
  for (const contender of contenders) {
    for (const size of sizes) {
      const label = `${contender.label}, ${size.toLocaleString('en')}`
      const workers = contender.name === 'single' ? 1 : WORKERS
      const possible = atMost(size, workers)
      if (possible < size) {
        notes.add(`ulimit -n is ${descriptorLimit()} here: one process cannot hold ${size.toLocaleString('en')}.`)
        continue
      }
      progress(`scale: ${size} idle WebSockets: ${contender.label}`)
      try {
        rows.push([label, ...cells(await idle(settings, contender, size, workers))])
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        rows.push([label, error instanceof Unavailable ? `not available: ${reason}` : 'failed', '', '', '', ''])
        if (!(error instanceof Unavailable)) failures.push(`${label}: ${reason}`)
      }
    }
  }
  const columns = [
    `Idle WebSockets over ${WORKERS} workers`,
    'KB each, workers',
    'KB each, primary',
    'primary CPU while idle',
    'ms until a killed worker’s client is served',
    'refused meanwhile',
  ]
  return { tables: [{ columns, rows }], charts: [], notes: [...notes], failures }
}

async function idle(settings: Settings, contender: Contender, size: number, workers: number): Promise<Idle> {
  const holders: Generator[] = []
  const prober = new Generator()
  try {
    return await withContender(contender, { ...settings, workers, webSockets: true }, async (port, programs) => {
      // Each contender here is one program: the primary, or the only process.
      const primary = programs[0]?.pid ?? 0
      const probe = { kind: 'probe', port, count: 1, concurrency: 1, sources: 1 } as const
      await prober.run(probe)
      const pids = processTree([primary])
      // In the first connections of a process Node loads and compiles code, so they do not count.
      await prober.run({ kind: 'messages', port, count: workers * 2000, concurrency: workers * 64, sources: 256 })
      const memory = () => pids.map(residentMemory)
      const before = memory()
      const each = atMost(size, 1)
      for (let left = size, first = 0; left > 0; left -= each, first += each) {
        const holder = new Generator()
        holders.push(holder)
        const count = Math.min(left, each)
        const { failed, error } = await holder.run({
          kind: 'idle',
          port,
          count,
          concurrency: 128,
          sources: count,
          first,
        })
        if (failed > 0) throw new Error(`${failed} of ${count} WebSockets did not open: ${error}`)
      }
      await pause(settings.quick ? 100 : 1000)
      const grown = memory().map((bytes, i) => bytes - (before[i] ?? 0))
      const cpu = cpuTime([primary])
      await pause(settings.quick ? 300 : WATCHED)
      const primaryCpu = (cpuTime([primary]) - cpu) / 1e6 / (settings.quick ? 300 : WATCHED)
      const hasOneWorker = workers === 1
      const inPrimary = hasOneWorker ? 0 : (grown[pids.indexOf(primary)] ?? 0)
      const inWorkers = grown.reduce((sum, bytes) => sum + bytes, 0) - inPrimary
      const back = hasOneWorker ? undefined : await kill(prober, port)
      return {
        opened: size,
        workerMemory: inWorkers / size,
        primaryMemory: inPrimary / size,
        primaryCpu,
        back: back?.elapsed,
        refused: back?.failed ?? 0,
      }
    })
  } finally {
    for (const generator of [prober, ...holders]) generator.stop()
  }
}

/** Kills the worker of one client and waits until that client is answered again. */
async function kill(prober: Generator, port: number): Promise<{ elapsed: number; failed: number }> {
  const probe = { kind: 'probe', port, count: 1, concurrency: 1, sources: 1, first: 7 } as const
  const { pid } = await prober.run(probe)
  process.kill(pid, 'SIGKILL')
  return prober.run(probe)
}

function cells({ workerMemory, primaryMemory, primaryCpu, back, refused }: Idle): string[] {
  return [
    (workerMemory / 1024).toFixed(1),
    back === undefined ? '' : Math.max(0, primaryMemory / 1024).toFixed(2),
    back === undefined ? '' : `${(primaryCpu * 100).toFixed(1)} %`,
    back === undefined ? '' : back.toFixed(0),
    back === undefined ? '' : String(refused),
  ]
}

/** How many of `size` connections the processes can hold, with some free descriptors and uneven shares. */
function atMost(size: number, processes: number): number {
  return Math.min(size, Math.floor((descriptorLimit() - 500) * processes * (processes === 1 ? 1 : 0.8)))
}

function descriptorLimit(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8')
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 1024)
}
