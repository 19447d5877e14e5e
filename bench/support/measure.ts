// One measurement: a contender starts, warms up and gets load; the CPU time of all its processes is measured.
import { setTimeout as pause } from 'node:timers/promises'
import type { Outcome, Task } from '../load/load.ts'
import type { Contender, Setup } from './contender.ts'
import { freePort } from './free-port.ts'
import { Generator } from './generator.ts'
import { cpuTime, processTree } from './process-tree.ts'
import type { Program } from './program.ts'

export interface Sample extends Outcome {
  /** CPU time of the servers per operation, in microseconds. */
  cpu: number
}

export type Load = Omit<Task, 'port'>

/** Starts the contender, calls `use`, and ends the contender. */
export async function withContender<T>(
  contender: Contender,
  setup: Omit<Setup, 'port'>,
  use: (port: number, programs: readonly Program[]) => Promise<T>,
): Promise<T> {
  const port = await freePort()
  const programs = await contender.start({ ...setup, port })
  try {
    return await use(port, programs)
  } catch (error) {
    throw withComplaints(error, programs)
  } finally {
    await Promise.all(programs.map((program) => program.stop()))
  }
}

function withComplaints(error: unknown, programs: readonly Program[]): unknown {
  const complaints = programs.map((program) => program.complaints()).join('')
  return complaints === '' ? error : new Error(`${String(error)}; it said: ${complaints.slice(-400)}`)
}

/** A contender that runs and has warmed up. */
export interface Subject {
  /** Continues the load for `count` operations. */
  load(count: number): Promise<Sample>
  stop(): Promise<void>
}

/** @param warmUp - number of operations before the measurement */
export async function subject(
  contender: Contender,
  setup: Omit<Setup, 'port'>,
  load: Omit<Load, 'count'>,
  warmUp: number,
): Promise<Subject> {
  const port = await freePort()
  const programs = await contender.start({ ...setup, port })
  const generator = new Generator()
  const stop = async (): Promise<void> => {
    generator.stop()
    await Promise.all(programs.map((program) => program.stop()))
  }
  const run = async (task: Omit<Task, 'port'>): Promise<Outcome> => {
    try {
      return await generator.run({ ...task, port })
    } catch (error) {
      throw withComplaints(error, programs)
    }
  }
  try {
    // A proxy may not listen yet after its start; the probe waits until it does.
    await run({ ...load, kind: 'probe', count: 1 })
    await run({ ...load, count: warmUp, stay: true })
    return {
      stop,
      async load(count) {
        // Other contenders have used the caches of the processor meanwhile.
        await run({ ...load, count: Math.ceil(count / 4), stay: true, resume: true })
        const pids = processTree(programs.map(({ pid }) => pid))
        await settled(pids)
        const before = cpuTime(pids)
        const outcome = await run({ ...load, count, stay: true, resume: true })
        await settled(pids)
        return { ...outcome, cpu: (cpuTime(pids) - before) / 1000 / count }
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Waits until the servers have finished the work after the last operations: closing, garbage collection. */
export async function settled(pids: readonly number[]): Promise<void> {
  for (let i = 0, last = cpuTime(pids); i < 20; i++) {
    await pause(50)
    const now = cpuTime(pids)
    if (now - last < 1e6) return
    last = now
  }
}
