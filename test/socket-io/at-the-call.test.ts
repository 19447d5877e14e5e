import { Server } from 'socket.io'
import t, { type Test } from 'tap'
import { deferred } from '../../src/async/deferred.ts'
import { isAdapterMessage } from '../../src/socket-io/adapter-message.ts'
import { sendAtTheCall } from '../../src/socket-io/at-the-call.ts'
import { clusterAdapter } from '../../src/socket-io/cluster-adapter.ts'

/** A Socket.IO server with the cluster adapter, and the messages of its calls. */
function startServer(t: Test) {
  const sent: object[] = []
  const send = (message: object) => void (isAdapterMessage(message) && message.packed && sent.push(message))
  const io = new Server()
  io.adapter(
    clusterAdapter({ serialization: 'advanced', send, listen: () => () => {}, unreadable: () => t.fail() }) as never,
  )
  t.teardown(() => io.of('/').adapter.close())
  return { io, sent }
}

function nested(levels: number): object {
  let data: object = {}
  for (let n = 0; n < levels; n++) data = { data }
  return data
}

t.test('data that is nested too deeply to travel throws at the call, unless it stays in this worker', async (t) => {
  const { io, sent } = startServer(t)
  t.throws(() => io.emit('deep', nested(1_500)), RangeError)
  t.throws(() => io.timeout(10).emit('deep', nested(1_500), () => {}), RangeError)
  t.throws(() => io.serverSideEmit('deep', nested(1_500)), RangeError)
  t.strictSame(sent, [])
  io.local.emit('deep', nested(1_500))
  io.emit('deep', nested(900))
  t.equal(sent.length, 1)
})

t.test('every value throws the error that it throws without an adapter, and the others are sent', async (t) => {
  const alone = new Server()
  const { io, sent } = startServer(t)
  const circular: unknown[] = []
  circular.push(circular)
  const values = [
    1n,
    circular,
    Object(1n),
    { toJSON: () => 1n },
    Symbol('s'),
    () => {},
    undefined,
    NaN,
    new Map(),
    [new Date()],
  ]
  const getter = {
    get broken() {
      throw new Error('broken')
    },
  }
  const rude = {
    toJSON() {
      throw new Error('rude')
    },
  }
  for (const [n, value] of [...values, getter, rude, new Proxy({}, {}), new Uint8Array(1)].entries()) {
    const errorOf = (emit: () => unknown) => {
      try {
        return void emit()
      } catch (error) {
        return String(error)
      }
    }
    const before = sent.length
    const expected = errorOf(() => alone.emit('value', [value]))
    t.equal(
      errorOf(() => io.emit('value', [value])),
      expected,
      `value ${n}: ${expected}`,
    )
    t.equal(sent.length - before, expected === undefined ? 1 : 0)
  }
})

t.test('an answer to serverSideEmit that cannot be sent throws in the listener that gives it', async (t) => {
  const { io, sent } = startServer(t)
  let error: unknown
  io.on('how many', (answer: (n: unknown) => void) => {
    try {
      answer(10n)
    } catch (thrown) {
      error = thrown
    }
  })
  const adapter = io.of('/').adapter as unknown as { onMessage(message: object): void }
  adapter.onMessage({ uid: 'other', nsp: '/', type: 9, data: { requestId: '1', packet: ['how many'] } })
  t.match(error, { name: 'TypeError', message: /BigInt/ })
  t.strictSame(sent, [])
})

/** The class that all adapters extend, and one with a history. */
class Local {
  readonly delivered: string[] = []
  readonly nsp = { name: '/', _ids: 0, server: { opts: { connectionStateRecovery: {} } } }
  encoder = { encode: (packet: object): unknown[] => [JSON.stringify(packet)] }
  broadcast(packet: object): void {
    this.delivered.push(...(this.encoder.encode(packet) as string[]))
  }
  broadcastWithAck(): void {}
  serverSideEmit(): void {}
}

class WithHistory extends Local {
  readonly answers: ReturnType<typeof deferred<string>>[] = []
  readonly messages: string[] = []
  override broadcast(): void {
    throw new Error('not used')
  }
  publish(message: object): void {
    this.messages.push(JSON.stringify(message))
  }
  publishAndReturnOffset(message: object): Promise<string> {
    this.publish(message)
    const answer = deferred<string>()
    this.answers.push(answer)
    return answer.promise
  }
}

t.test(
  'with a history the clients get the data of the call with its number, or without where there is none',
  async (t) => {
    const adapter = new WithHistory()
    sendAtTheCall(adapter, true)
    const emit = (data: unknown[], flags = {}) =>
      (adapter.broadcast as (packet: object, targets: object) => void)({ type: 2, data }, { rooms: [], flags })
    const state = { n: 1 }
    emit(['state', state])
    emit(['volatile', state], { volatile: true })
    emit(['local'], { local: true })
    state.n = 2
    emit(['state', state])
    t.throws(() => emit([1n]), TypeError)
    const packet = (data: unknown[]) => JSON.stringify({ type: 2, data, nsp: '/' })
    t.strictSame(adapter.delivered, [packet(['volatile', { n: 1 }]), packet(['local'])])
    adapter.answers[0]!.resolve('7-0')
    adapter.answers[1]!.reject(new Error('Redis is away'))
    await new Promise((done) => setImmediate(done))
    t.strictSame(adapter.delivered.slice(2), [packet(['state', { n: 1 }, '7-0']), packet(['state', { n: 2 }])])
    t.equal(adapter.messages.length, 3)
  },
)
