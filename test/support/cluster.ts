// Runs a fixture program that has its own cluster, as a child of the test, and sends it commands.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'
import type { ListenOptions, SetupOptions } from '../../src/compat.ts'
import { until } from './clients.ts'

export interface ClusterOptions {
  /** Number of workers at the start. */
  workers?: number
  options?: Omit<SetupOptions, 'logger'> | ListenOptions
  env?: Record<string, string>
  /** File name in test/fixtures, without its extension. */
  fixture?: 'cluster-app' | 'listen-app' | 'messages-app'
}

export interface Cluster {
  child: ChildProcess
  port: number
  output(): string
  /** Pids of the workers that take connections, in the order of joining. */
  joined(): number[]
  /** Resolves with the pids when `count` workers take connections. */
  untilJoined(count: number): Promise<number[]>
  /** Sends a command to the primary; see the fixture. */
  tell(command: string, ...args: unknown[]): void
  exited: Promise<{ code: number | null; signal: string | null }>
}

/** Starts the program and waits until its first workers take connections. Ends the program with the test. */
export async function startCluster(t: Test, setup: ClusterOptions = {}): Promise<Cluster> {
  const { workers = 3, options = {}, env = {}, fixture = 'cluster-app' } = setup
  const child = fork(new URL(`../fixtures/${fixture}.js`, import.meta.url), [], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    // The primary and its workers have a process group of their own.
    detached: true,
    env: {
      ...process.env,
      FIXTURE_OPTIONS: JSON.stringify(options),
      FIXTURE_WORKERS: String(workers),
      ...env,
    },
  })
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const exited = once(child, 'close').then(([code, signal]) => ({ code, signal }))
  t.teardown(async () => {
    killGroup(child.pid)
    await exited
  })
  const [{ port }] = (await Promise.race([
    once(child, 'message'),
    exited.then(() => Promise.reject(new Error(`it ended: ${output}`))),
  ])) as [{ port: number }]
  const joined = () => {
    const pids = (event: string) =>
      [...output.matchAll(new RegExp(`${event} worker=\\d+ pid=(\\d+)`, 'g'))].map(([, pid]) => Number(pid))
    const left = new Set(pids('cluster\\.leave'))
    return pids('cluster\\.join').filter((pid) => !left.has(pid))
  }
  const untilJoined = async (count: number) => {
    await until(`${count} workers take connections`, () => joined().length === count)
    return joined()
  }
  if (fixture === 'cluster-app') await untilJoined(workers)
  return {
    child,
    port,
    output: () => output,
    joined,
    untilJoined,
    tell: (command, ...args) => void child.send({ command, args }),
    exited,
  }
}

function killGroup(leader: number | undefined): void {
  if (leader === undefined) return
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // The group is empty, as expected.
  }
}
