// Runs a fixture program whose primary is a child of the test.
import { fork, type ChildProcess } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import type { Address, Explanation, Status, StickyOptions } from '../../src/index.ts'

export interface BalancerOptions {
  options?: StickyOptions
  kind?: 'http' | 'https' | 'http2' | 'net' | 'ws' | 'wss'
  /** File name under test/fixtures, without ending. */
  fixture?: string
  env?: Record<string, string>
  /** Open files at most, for the primary and each worker. */
  descriptors?: number
  /** Hears of every event from the start, before it is ready. */
  onEvent?: (name: string, detail: unknown) => void
}

export interface Balancer {
  child: ChildProcess
  port: number
  address: Address
  /** Everything the programs wrote to stderr and stdout so far. */
  output(): string
  status(): Promise<Status>
  explain(address: string): Promise<Explanation>
  reload(): Promise<void>
  scale(workers: number): Promise<void>
  close(options?: { deadline?: number }): Promise<boolean>
  pid(worker: number): Promise<number>
  /** What the primary holds once the garbage is gone: bytes of heap, open descriptors. */
  resources(): Promise<{ heap: number; descriptors: number }>
  /** Resolves with the next event of that name that fits. */
  event<T = Record<string, unknown>>(name: string, fits?: (detail: T) => boolean): Promise<T>
  exited: Promise<{ code: number | null; signal: string | null }>
}

/** Ends what was started within it: a tap test, or whatever else has an end. */
export interface Scope {
  teardown(end: () => Promise<void>): void
}

/** Starts it and waits until it is ready; rejects with what `ready` rejected with. Ends it with the scope. */
export async function startBalancer(scope: Scope, setup: BalancerOptions = {}): Promise<Balancer> {
  const { options = {}, kind = 'http', fixture = 'app', env = {}, descriptors, onEvent = () => {} } = setup
  const child = fork(new URL(`../fixtures/${fixture}.js`, import.meta.url), [], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    serialization: 'advanced',
    // A process group of its own, with its workers in it.
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
  // After this turn: what the program wrote before it sent the message is in the pipe, but may be read later in the turn.
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
    // At 'exit' what it wrote last may still be on its way.
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

/** At once, the primary and whatever it has left behind. */
function killGroup(leader: number | undefined): void {
  if (leader === undefined) return
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // Nobody is left in it, as it should be.
  }
}

/** Node raises its own soft limit to the hard one, so both are lowered before it starts. */
function limited(descriptors: number) {
  return { execPath: '/bin/sh', execArgv: ['-c', `ulimit -n ${descriptors}; exec "${process.execPath}" "$@"`, 'sh'] }
}
