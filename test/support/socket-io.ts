// Clients of test/fixtures/socket-io-app.ts; the test chooses the worker of each client.
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client'
import type { StickyOptions } from '../../src/index.ts'
import type { AttachOptions } from '../../src/socket-io.ts'
import { startBalancer, type Balancer, type Scope } from './balancer.ts'
import { loopback, request, until } from './clients.ts'

/** A worker of a host; without workers, the only process of the host. */
export interface Place {
  balancer: Balancer
  worker?: number
}

export interface Visitor {
  socket: Socket
  id: string
  /** Pid of the worker. */
  pid: number
  /** First arguments of the received events of the name, in order. */
  received(event: string): unknown[]
  /** Calls methods in the worker: `call('namespace', 'local', ['to', 'room'], ['emit', 'news', 1])`. */
  call<T = unknown>(target: Target, ...chain: Step[]): Promise<T>
  close(): void
}

/** The object to call; main: the namespace `/`, also for a visitor of another namespace. */
type Target = 'socket' | 'namespace' | 'main' | 'adapter'
type Step = string | [method: string, ...args: unknown[]]

export interface VisitorOptions extends Partial<ManagerOptions & SocketOptions> {
  namespace?: string
}

/** Additional settings of the hosts. */
export interface HostsSetup {
  options?: StickyOptions
  /** Environment of each host; the last entry is also for all further hosts. */
  env?: Record<string, string>[]
}

/** Starts hosts with some workers each, and waits until all workers know each other. */
export async function startHosts(
  scope: Scope,
  hosts: number,
  workers: number,
  attach: AttachOptions,
  { options = {}, env = [] }: HostsSetup = {},
): Promise<Place[]> {
  const balancers = await Promise.all(
    Array.from({ length: hosts }, (_, n) =>
      startBalancer(scope, {
        fixture: 'socket-io-app',
        options: { workers, ...options },
        env: { REDIS_URL: '', FIXTURE_ATTACH: JSON.stringify(attach), ...(env[n] ?? env.at(-1)) },
      }),
    ),
  )
  // A query that is sent too early times out only after 5 s.
  await until('all workers know each other', () => allKnow(balancers, hosts * workers), 30_000)
  return balancers.flatMap((balancer) => Array.from({ length: workers }, (_, worker) => ({ balancer, worker })))
}

/** Whether a worker of each host knows `workers` workers. */
export async function allKnow(balancers: Balancer[], workers: number): Promise<boolean> {
  const replies = await Promise.all(balancers.map(({ port }) => request({ port })))
  return replies.every((reply) => reply['nodes'] === workers)
}

/** A client address whose connections go to the worker. */
export async function addressOf({ balancer, worker }: Place): Promise<string> {
  if (worker === undefined) return '127.0.0.1'
  let n = 1
  while ((await balancer.explain(loopback(n))).worker !== worker) n++
  return loopback(n)
}

/** Connects a client, which ends with the scope. */
export async function visit(scope: Scope, place: Place, options: VisitorOptions = {}): Promise<Visitor> {
  const { namespace = '/', ...more } = options
  const how = { transports: ['websocket'], localAddress: await addressOf(place), forceNew: true, ...more }
  const socket = io(`http://127.0.0.1:${place.balancer.port}${namespace}`, how as Partial<ManagerOptions>)
  scope.teardown(async () => void socket.close())
  const events: [name: string, ...args: unknown[]][] = []
  socket.onAny((name: string, ...args: unknown[]) => events.push([name, ...args]))
  await new Promise<void>((done, fail) => socket.once('connect', done).once('connect_error', fail))
  await until('it is greeted', () => events.length > 0)
  return {
    socket,
    id: socket.id!,
    pid: events[0]![1] as number,
    received: (event) => events.filter(([name]) => name === event).map(([, first]) => first),
    async call<T>(target: string, ...chain: Step[]) {
      const reply = (await socket.timeout(20_000).emitWithAck('call', target, chain)) as Record<string, unknown>
      if (reply['error'] === undefined) return reply['result'] as T
      throw Object.assign(new Error(reply['error'] as string), { responses: reply['responses'] })
    },
    close: () => socket.close(),
  }
}
