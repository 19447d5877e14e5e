// A server program as a child of the bench: started, waited for, and ended by process id together with all it started.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { processTree } from './process-tree.ts'

/** A contender that cannot take part here, with the reason for its row. */
export class Unavailable extends Error {}

/** The exit code of a program of ours that cannot do what it was asked for on this machine. */
const NOT_AVAILABLE = 3

/** Milliseconds for a program to get ready. */
const START_DEADLINE = 20_000

const running = new Set<ChildProcess>()

// Whatever ends the bench, a Ctrl-C or an error, ends the servers too.
process.on('exit', () => {
  for (const child of running) killTree(child)
})

export interface Launch {
  command: string
  args: readonly string[]
  env?: Record<string, string>
  /** How many processes will say 'ready' on its stdout. */
  ready: number
}

export interface Program {
  readonly pid: number
  /** What it wrote to stderr so far. */
  complaints(): string
  /** Resolves when so many processes have said that they are ready, since its start. */
  ready(count: number): Promise<void>
  stop(): Promise<void>
}

/** @throws Unavailable where the program is missing or says that it cannot */
export async function launch({ command, args, env = {}, ready }: Launch): Promise<Program> {
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
  } catch (error) {
    killTree(child)
    throw error
  } finally {
    late.abort()
  }
  return {
    pid: child.pid ?? 0,
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
      // It ended by itself meanwhile.
    }
  }
}
