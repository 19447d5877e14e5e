// A server program as a child of the bench. The bench starts it, waits until it is ready, and ends it with its
// descendants.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { processTree } from './process-tree.ts'

/** The contender cannot take part on this machine; the message is the reason for its row. */
export class Unavailable extends Error {}

/** Exit code of a program of the bench that cannot do its task on this machine. */
const NOT_AVAILABLE = 3

/** Milliseconds after which a program that is not ready has failed. */
export const START_DEADLINE = 20_000

const running = new Set<ChildProcess>()

// The servers end with the bench, also after Ctrl-C and after an error.
process.on('exit', () => {
  for (const child of running) killTree(child)
})

export interface Launch {
  command: string
  args: readonly string[]
  env?: Record<string, string>
  /** Number of processes that will write 'ready' to stdout. */
  ready: number
}

export interface Program {
  readonly pid: number
  /** Milliseconds from the start of the program until all its processes were ready. */
  readonly took: number
  /** Output to stderr so far. */
  complaints(): string
  /** Resolves when `count` processes have reported that they are ready, since the start. */
  ready(count: number): Promise<void>
  stop(): Promise<void>
}

/** @throws Unavailable if the program is missing, or reports that it cannot do its task here */
export async function launch({ command, args, env = {}, ready }: Launch): Promise<Program> {
  const began = performance.now()
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  await once(child, 'spawn')
  let complaints = ''
  let readyCount = 0
  const waiting = new Map<() => void, number>()
  child.stderr.on('data', (chunk: Buffer) => (complaints = (complaints + chunk.toString()).slice(-4000)))
  child.stdout.on('data', (chunk: Buffer) => {
    readyCount += chunk.toString().split('ready\n').length - 1
    for (const [done, count] of waiting) if (readyCount >= count) done()
  })
  const areReady = (count: number): Promise<void> =>
    new Promise((done) => {
      if (readyCount >= count) done()
      else waiting.set(done, count)
    })
  const ended = once(child, 'exit').then(([code, signal]) => {
    running.delete(child)
    return (code ?? signal) as number | string
  })
  const late = new AbortController()
  let took = 0
  try {
    await Promise.race([
      areReady(ready),
      ended.then((how) => {
        if (how === NOT_AVAILABLE) throw new Unavailable(complaints.trim().split('\n')[0])
        throw new Error(`${command} ended with ${how}: ${complaints}`)
      }),
      pause(START_DEADLINE, undefined, { signal: late.signal }).then(() => {
        throw new Error(`${command} was not ready within ${START_DEADLINE} ms: ${complaints}`)
      }),
    ])
    took = performance.now() - began
  } catch (error) {
    killTree(child)
    throw error
  } finally {
    late.abort()
  }
  return {
    pid: child.pid ?? 0,
    took,
    complaints: () => complaints,
    ready: areReady,
    async stop() {
      killTree(child)
      await ended
    },
  }
}

function killTree(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  for (const pid of processTree([child.pid])) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // The process has ended by itself meanwhile.
    }
  }
}
