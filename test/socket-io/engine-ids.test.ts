import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { Runtime } from '../../src/runtime.ts'
import { nameProcessInIds } from '../../src/socket-io/engine-ids.ts'

const request = {} as IncomingMessage

/** An engine as Engine.IO has it, and the log. */
function setUp() {
  const log: string[] = []
  const runtime = new Runtime()
  const write = (event: string) => void log.push(event)
  runtime.logger = { debug: write, info: write, warn: write, error: write }
  class Engine {
    ids = 0
    generateId(_: IncomingMessage): string | PromiseLike<string> {
      return `own ${++this.ids}`
    }
  }
  const engine = new Engine()
  const nextTurn = () => new Promise((done) => setImmediate(done))
  return { engine, runtime, log, nextTurn }
}

t.test('the engine makes its own ids until the session layer is open', async (t) => {
  const { engine, runtime, log, nextTurn } = setUp()
  nameProcessInIds(engine, runtime)
  t.equal(await engine.generateId(request), 'own 1')
  runtime.createSessionId = () => 'of this process'
  t.equal(await engine.generateId(request), 'of this process')
  await nextTurn()
  t.strictSame(log, [])
})

t.test('a generator that the application sets later makes no ids either, and the log says so once', async (t) => {
  const { engine, runtime, log, nextTurn } = setUp()
  nameProcessInIds(engine, runtime)
  const before = engine.generateId.bind(engine)
  engine.generateId = (request) => `application's ${before(request) as string}`
  engine.generateId = engine.generateId.bind(engine)
  t.equal(await engine.generateId(request), "application's own 1")
  runtime.createSessionId = () => 'of this process'
  t.equal(await engine.generateId(request), 'of this process')
  await nextTurn()
  t.strictSame(log, ['session.own-ids'])
})

t.test('the log tells of a generator that was set before', async (t) => {
  const { engine, runtime, log, nextTurn } = setUp()
  engine.generateId = () => "application's"
  nameProcessInIds(engine, runtime)
  t.equal(await engine.generateId(request), "application's")
  await nextTurn()
  t.strictSame(log, ['session.own-ids'])
})

t.test('an engine is named once, however often it is attached', async (t) => {
  const { engine, runtime } = setUp()
  nameProcessInIds(engine, runtime)
  const first = Object.getOwnPropertyDescriptor(engine, 'generateId')
  nameProcessInIds(engine, runtime)
  t.strictSame(Object.getOwnPropertyDescriptor(engine, 'generateId'), first)
})
