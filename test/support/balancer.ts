// Runs a fixture program whose primary is a child of the test.
import { fork, type ChildProcess } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import type { Address, Explanation, Status, StickyOptions } from '../../src/index.ts'

export interface BalancerOptions {
  options?: StickyOptions
  kind?: 'http' | 'https' | 'http2' | 'net' | 'ws' | 'wss'
  /** File name in test/fixtures, without its extension. */
  fixture?: string
  env?: Record<string, string>
  /** Limit of open files, for the primary and each worker. */
  descriptors?: number
  /** Called for every event, also before the program is ready. */
  onEvent?: (name: string, detail: unknown) => void
}

export interface Balancer {
  child: ChildProcess
  port: number
  address: Address
  /** All output of the programs so far, stderr and stdout. */
  output(): string
  status(): Promise<Status>
  explain(address: string): Promise<Explanation>
  reload(): Promise<void>
  scale(workers: number): Promise<void>
  close(options?: { deadline?: number }): Promise<boolean>
  pid(worker: number): Promise<number>
  /** Resources of the primary after a garbage collection: bytes of heap, open descriptors. */
  resources(): Promise<{ heap: number; descriptors: number }>
  /** Resolves with the next event of the name for which `fits` is true. */
  event<T = Record<string, unknown>>(name: string, fits?: (detail: T) => boolean): Promise<T>
  exited: Promise<{ code: number | null; signal: string | null }>
}

/** The lifetime of what was started within it: a tap test, or another object with an end. */
export interface Scope {
  teardown(end: () => Promise<void>): void
}

/** Starts the program, waits for `ready` (and rejects as it does), and ends the program with the scope. */
export async function startBalancer(scope: Scope, setup: BalancerOptions = {}): Promise<Balancer> {
  const { options = {}, kind = 'http', fixture = 'app', env = {}, descriptors, onEvent = () => {} } = setup
  const child = fork(new URL(`../fixtures/${fixture}.js`, import.meta.url), [], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    serialization: 'advanced',
    // The primary and its workers have a process group of their own.
    detached: true,
    ...(descriptors === undefined ? {} : limited(descriptors)),
    env: {
      ...process.env,
      FIXTURE_OPTIONS: JSON.stringify({ port: 0, ...options }),
      FIXTURE_KIND: kind,
      ...env,
    },
  })
  let output = ''
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }))
  const events = new EventEmitter()
  events.setMaxListeners(0)
  const calls = new Map<number, (answer: Record<string, unknown>) => void>()
  let calling = 0
  const receive = (message: Record<string, unknown>): void => {
    if ('call' in message) calls.get(message['call'] as number)?.(message)
    else if ('event' in message) {
      onEvent(message['event'] as string, message['detail'])
      events.emit(message['event'] as string, message['detail'])
    } else events.emit(Object.keys(message)[0]!, Object.values(message)[0])
  }
  // Messages are handled after this turn, because output that was written before may be read later in the turn.
  child.on('message', (message: Record<string, unknown>) => setImmediate(receive, message))
  const call = <T>(method: string, ...args: unknown[]): Promise<T> =>
    new Promise((done, fail) => {
      calls.set(++calling, ({ result, error }) => {
        if (error === undefined) done(result as T)
        else fail(Object.assign(new Error('the call failed'), error))
      })
      child.send({ call: calling, method, args })
    })
  scope.teardown(async () => {
    killGroup(child.pid)
    await exited
  })
  const event = <T = Record<string, unknown>>(name: string, fits: (detail: T) => boolean = () => true) =>
    new Promise<T>((done) => {
      const listen = (detail: T) => {
        if (!fits(detail)) return
        events.off(name, listen)
        done(detail)
      }
      events.on(name, listen)
    })
  const address = await new Promise<Address>((ready, failed) => {
    events.once('ready', ready)
    events.once('failed', (error: object) => failed(Object.assign(new Error('not ready'), error, { exited })))
    // 'close' and not 'exit': at 'exit' the last output may not have arrived.
    child.once('close', (code) => failed(Object.assign(new Error(`exited with ${code}: ${output}`), { exited })))
  })
  return {
    child,
    address,
    port: address.port,
    exited,
    output: () => output,
    status: () => call('status'),
    explain: (text) => call('explain', text),
    reload: () => call('reload'),
    scale: (workers) => call('scale', workers),
    close: (...options) => call('close', ...options),
    async pid(worker) {
      const { workers } = await call<Status>('status')
      return workers[worker]!.pid!
    },
    resources() {
      const answer = event<{ heap: number; descriptors: number }>('resources')
      child.send('resources')
      return answer
    },
    event,
  }
}

/** Kills the primary and all processes of its group. */
function killGroup(leader: number | undefined): void {
  if (leader === undefined) return
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // The group is empty, as expected.
  }
}

/** Node raises its own soft limit to the hard one, so both are lowered before it starts. */
function limited(descriptors: number) {
  return { execPath: '/bin/sh', execArgv: ['-c', `ulimit -n ${descriptors}; exec "${process.execPath}" "$@"`, 'sh'] }
}
