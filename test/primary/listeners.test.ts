import { EventEmitter } from 'node:events'
import t from 'tap'
import type { ChildProcess } from 'node:child_process'
import { WorkerChannel } from '../../src/ipc/channel.ts'
import { envelope } from '../../src/ipc/messages.ts'
import type { ListenTarget } from '../../src/ipc/listen-target.ts'
import { silentLogger } from '../../src/logger.ts'
import { Listeners } from '../../src/primary/listeners.ts'
import type { ListenerPlan, Steering } from '../../src/steering/steering.ts'

/** A process that asks for listeners. */
class Asker {
  readonly child = new EventEmitter() as EventEmitter & { connected: boolean; send: (envelope: unknown) => void }
  readonly channel: WorkerChannel
  readonly answers: Record<string, unknown>[] = []
  #requests = 0

  constructor(listeners: Listeners) {
    Object.assign(this.child, {
      connected: true,
      send: ({ holdfast }: { holdfast: Record<string, unknown> }) => void this.answers.push(holdfast),
    })
    this.channel = new WorkerChannel(this.child as unknown as ChildProcess)
    listeners.started(this.channel)
  }

  async ask(target: ListenTarget): Promise<Record<string, unknown>> {
    const count = this.answers.length
    this.child.emit('internalMessage', envelope({ type: 'listen', request: this.#requests++, target }))
    while (this.answers.length === count) await new Promise((done) => setImmediate(done))
    return this.answers.at(-1)!
  }

  leave(listener: number): void {
    this.child.emit('internalMessage', envelope({ type: 'unlisten', listener }))
  }
}

function setUp() {
  const log: string[] = []
  let failure: Error | undefined
  const closing: (() => void)[] = []
  const steering = {
    async open({ id, target, isBehindProxy }: ListenerPlan) {
      if (failure !== undefined) throw failure
      log.push(`open ${id}${isBehindProxy ? ' behind proxy' : ''}`)
      if ('path' in target) return target.path
      return { address: '::', family: 'IPv6', port: target.port || 4_000 + id }
    },
    restore: async (id: number) => void log.push(`restore ${id}`),
    serve: (_: unknown, id: number) => void log.push(`serve ${id}`),
    unserve: (_: unknown, id: number) => void log.push(`unserve ${id}`),
    closeListener: (id: number) => {
      log.push(`close ${id}`)
      return new Promise<void>((done) => closing.push(done))
    },
  } as unknown as Steering
  const listeners = new Listeners({ logger: silentLogger, steering: () => steering, isBehindProxy: () => false })
  const fail = (error: Error | undefined) => (failure = error)
  return { listeners, log, closing, fail }
}

const tcp = (port: number, host?: string) => ({ port, host })
const turn = () => new Promise((done) => setImmediate(done))

t.test('the first process opens a listener, and the others join it', async (t) => {
  const { listeners, log } = setUp()
  await listeners.add(tcp(0), false)
  const [one, two] = [new Asker(listeners), new Asker(listeners)]
  t.match(await one.ask(tcp(80)), { listener: 1, address: { port: 80 }, error: undefined })
  t.match(await two.ask(tcp(80, '::')), { listener: 1 })
  t.match(await two.ask({ path: '/a' }), { listener: 2, address: '/a' })
  t.match(await one.ask(tcp(4_000)), { listener: 0 }, 'a program knows the port that was picked')
  t.strictSame(
    log.filter((line) => line.startsWith('open')),
    ['open 0 behind proxy', 'open 1', 'open 2'],
  )
  t.strictSame(
    listeners.open.map(({ id }) => id),
    [0, 1, 2],
  )
  t.strictSame(
    [listeners.servedBy(one.channel), listeners.servedBy(two.channel)],
    [
      [0, 1],
      [1, 2],
    ],
  )
})

t.test('a listener is closed when the last process leaves it, and not when that process ends', async (t) => {
  const { listeners, log, closing } = setUp()
  const [one, two] = [new Asker(listeners), new Asker(listeners)]
  for (const asker of [one, two]) await asker.ask(tcp(80))
  one.leave(0)
  t.notOk(log.includes('close 0'))
  two.leave(0)
  t.ok(log.includes('close 0'))
  // The port is not free before the old listener is closed.
  const again = one.ask(tcp(80))
  await turn()
  t.equal(log.filter((line) => line.startsWith('open')).length, 1)
  closing[0]!()
  t.match(await again, { listener: 1 })
  listeners.ended(one.channel)
  t.notOk(log.includes('close 1'), 'the next process serves it')
  void listeners.closeUnused()
  t.ok(log.includes('close 1'), 'unless a reload has shown that there is none')
})

t.test('a listener of the options stays open', async (t) => {
  const { listeners, log } = setUp()
  await listeners.add(tcp(80), true)
  const one = new Asker(listeners)
  await one.ask(tcp(80))
  one.leave(0)
  await listeners.closeUnused()
  t.notOk(log.includes('close 0'))
})

t.test('a failure has the code of Node, and the next process tries again', async (t) => {
  const { listeners, fail } = setUp()
  const one = new Asker(listeners)
  fail(Object.assign(new Error('in use'), { code: 'EADDRINUSE' }))
  t.match(await one.ask(tcp(80)), { error: { code: 'EADDRINUSE', message: 'in use' } })
  fail(undefined)
  t.match(await one.ask(tcp(80)), { listener: 0, error: undefined })
})
