// One measurement: a contender is started, warmed up, loaded, and the CPU time of all its processes is compared.
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

/** Starts the contender for as long as `use` takes. */
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
    const complaints = programs.map((program) => program.complaints()).join('')
    throw complaints === '' ? error : new Error(`${String(error)}; it said: ${complaints.slice(-400)}`)
  } finally {
    await Promise.all(programs.map((program) => program.stop()))
  }
}

/** @param warmUp - operations before the ones that count */
export function measure(contender: Contender, setup: Omit<Setup, 'port'>, load: Load, warmUp: number): Promise<Sample> {
  return withContender(contender, setup, async (port, programs) => {
    const generator = new Generator()
    try {
      // A proxy may not listen yet when it was started; a prober waits for that.
      await generator.run({ ...load, kind: 'probe', port })
      await generator.run({ ...load, port, count: warmUp })
      const pids = processTree(programs.map(({ pid }) => pid))
      await settled(pids)
      const before = cpuTime(pids)
      const outcome = await generator.run({ ...load, port })
      await settled(pids)
      const cpu = (cpuTime(pids) - before) / 1000 / load.count
      return { ...outcome, cpu }
    } finally {
      generator.stop()
    }
  })
}

/** Waits until the servers have done what the last operations left to do: closing, collecting garbage. */
async function settled(pids: readonly number[]): Promise<void> {
  for (let i = 0, last = cpuTime(pids); i < 20; i++) {
    await pause(50)
    const now = cpuTime(pids)
    if (now - last < 1e6) return
    last = now
  }
}
