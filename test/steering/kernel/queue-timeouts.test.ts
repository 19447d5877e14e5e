import t from 'tap'
import { QueueTimeouts } from '../../../src/steering/kernel/queue-timeouts.ts'
import { SimulatedWorld } from '../../support/simulated-world.ts'

const HOLD_TIMEOUT = 100

/** Two workers, and the queue of one slot of each. A queue holds the time at which each connection came. */
function setUp() {
  const world = new SimulatedWorld()
  const queues: number[][] = [[], []]
  const overdue: [worker: number, now: number][] = []
  const closed: [slot: number, waited: number][] = []
  const timeouts = new QueueTimeouts(HOLD_TIMEOUT, {
    onOverdue: (worker) => overdue.push([worker, world.now()]),
    isWaiting: (worker, slot) => worker === slot,
    closeExpired(slot, count) {
      const expired = queues[slot]!.splice(0, count)
      for (const cameAt of expired) closed.push([slot, world.now() - cameAt])
      return expired.length
    },
  })
  const lengths = () => queues.map(({ length }) => length)
  const check = () => timeouts.check(lengths(), world.now())
  /** Moves the clock to each of these times, and checks there. */
  const checkAt = (...times: number[]) => {
    for (const time of times) {
      world.advance(time - world.now())
      check()
    }
  }
  return { world, timeouts, queues, overdue, closed, check, checkAt }
}

t.test('each connection that waits for an absent worker is closed after holdTimeout', async (t) => {
  const { world, timeouts, queues, closed, check } = setUp()
  timeouts.setAbsent(0, world.now())
  for (; world.now() <= 400; world.advance(20)) {
    if (world.now() <= 200) queues[0]!.push(world.now())
    check()
  }
  t.equal(closed.length, 11)
  for (const [, waited] of closed) t.ok(waited >= 100 && waited <= 120, `it waited for ${waited} ms`)
  t.strictSame(queues[0], [])
})

t.test('a closed connection is not counted twice, so no later connection is closed in its place', async (t) => {
  const { world, timeouts, queues, closed, checkAt } = setUp()
  timeouts.setAbsent(0, world.now())
  queues[0]!.push(0, 0, 0)
  checkAt(0, 50)
  queues[0]!.push(60)
  checkAt(100, 150)
  t.strictSame(closed, [
    [0, 100],
    [0, 100],
    [0, 100],
  ])
  checkAt(200)
  t.strictSame(closed.at(-1), [0, 140])
})

t.test('an absent worker is overdue after holdTimeout, at each check, until it is present', async (t) => {
  const { world, timeouts, overdue, checkAt } = setUp()
  timeouts.setAbsent(1, world.now())
  checkAt(50, 100, 150)
  timeouts.setPresent(1)
  checkAt(200)
  t.strictSame(overdue, [
    [1, 100],
    [1, 150],
  ])
})

t.test('a connection that waits for another worker is not closed', async (t) => {
  const { world, timeouts, queues, closed, checkAt } = setUp()
  timeouts.setAbsent(0, world.now())
  queues[1]!.push(0)
  checkAt(0, 100, 200, 300)
  t.strictSame([closed, queues[1]], [[], [0]])
})
