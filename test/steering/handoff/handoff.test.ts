import t, { type Test } from 'tap'
import { readSettings } from '../../../src/options/settings.ts'
import { slotTable } from '../../../src/slots/slot-table.ts'
import type { AcceptFunction } from '../../../src/steering/accept.ts'
import type { IncomingConnection } from '../../../src/steering/connection.ts'
import { Handoff } from '../../../src/steering/handoff/handoff.ts'
import { headroom } from '../../../src/steering/handoff/headroom.ts'
import type { Listener } from '../../../src/steering/listener.ts'
import { SimulatedWorld } from '../../support/simulated-world.ts'

const HOLD_TIMEOUT = 1_000
const CLIENT = Buffer.from([192, 0, 2, 1])

/** A descriptor number beyond any limit on open files. */
const HIGHEST = 2 ** 31 - 1

/** Hand-off without workers, on a clock of its own, with a listener that accepts when the test says so. */
async function setUp(t: Test) {
  const world = new SimulatedWorld()
  const logger = { debug() {}, info() {}, warn() {}, error() {} }
  const settings = readSettings({ workers: 1, port: 0, limits: { holdTimeout: HOLD_TIMEOUT }, logger })
  const calls: string[] = []
  const overdue: number[] = []
  let accept: AcceptFunction | undefined
  const listen = async (_target: unknown, onAccepted: AcceptFunction): Promise<Listener> => {
    accept = onAccepted
    return {
      address: { address: '::', family: 'IPv6', port: 3000 },
      pause: () => calls.push('pause') > 0,
      resume: () => void calls.push('resume'),
      close: async () => void calls.push('close'),
    }
  }
  const events = { onOverdue: (worker: number) => void overdue.push(worker) }
  const handoff = new Handoff(settings, slotTable(1), events, listen, world)
  await handoff.open({ id: 0, target: { port: 3000, host: undefined }, isBehindProxy: true })
  t.teardown(() => handoff.close())
  const connect = (fd = 9) => accept!({ fd, close() {} } as IncomingConnection, CLIENT)
  return { world, handoff, connect, calls, overdue }
}

/** Lets promises settle. */
const turn = () => new Promise((done) => setImmediate(done))

t.test('a connection without a worker is closed after holdTimeout, by checks of its own', async (t) => {
  const { world, handoff, connect, overdue } = await setUp(t)
  world.advance(500)
  connect()
  world.advance(HOLD_TIMEOUT - 1)
  t.equal(handoff.pending, 1)
  world.advance(HOLD_TIMEOUT / 2 + 1)
  t.equal(handoff.pending, 0)
  t.ok(overdue.includes(0), 'the slots could fail over first')
  t.match(handoff.counters, { accepted: 1, handedOff: 0, closed: { 'hold-timeout': 1 } })
})

t.test('drained() resolves when no connection is pending, or at the deadline', async (t) => {
  const { world, handoff, connect } = await setUp(t)
  const resolved: string[] = []
  connect()
  void handoff.drained(100).then(() => resolved.push('deadline'))
  void handoff.drained(60_000).then(() => resolved.push('empty'))
  world.advance(100)
  await turn()
  t.strictSame(resolved, ['deadline'])
  world.advance(2 * HOLD_TIMEOUT)
  await turn()
  t.strictSame(resolved, ['deadline', 'empty'])
})

const hasLimit = headroom().isLow(HIGHEST)

t.test('with few descriptors left it pauses once, and resumes', { skip: !hasLimit && 'no limit known' }, async (t) => {
  const { world, handoff, connect, calls } = await setUp(t)
  connect(HIGHEST)
  connect(HIGHEST)
  t.strictSame(calls, ['pause'])
  t.match(handoff.counters, { pauses: 1, closed: { descriptors: 0 } })
  world.advance(100)
  t.strictSame(calls, ['pause', 'resume'])
  world.advance(1_000)
  connect()
  t.strictSame(calls, ['pause', 'resume'])
})

t.test('close() counts what is pending as closed by the shutdown, and leaves no timer', async (t) => {
  const { world, handoff, connect, calls } = await setUp(t)
  connect()
  await handoff.closeListeners()
  handoff.close()
  t.strictSame(calls, ['close'])
  t.match(handoff.counters, { accepted: 1, closed: { shutdown: 1 } })
  t.equal(world.pending, 0)
})
