import t from 'tap'
import { UntilEmpty } from '../../src/async/drained.ts'
import { SimulatedWorld } from '../support/simulated-world.ts'

function setUp(count: number) {
  const world = new SimulatedWorld()
  const untilEmpty = new UntilEmpty(() => count, world)
  const ended: [name: string, inTime: boolean][] = []
  const wait = (name: string, milliseconds: number) =>
    void untilEmpty.wait(milliseconds).then((inTime) => ended.push([name, inTime]))
  const decrement = () => {
    count--
    untilEmpty.check()
  }
  return { world, ended, wait, decrement }
}

/** Lets promises settle. */
const turn = () => new Promise((done) => setImmediate(done))

t.test('a count of 0 is not waited for', async (t) => {
  const { world, ended, wait } = setUp(0)
  wait('a', 100)
  await turn()
  t.strictSame(ended, [['a', true]])
  t.equal(world.timers, 0)
})

t.test('all that wait are told when the count is 0, and not before', async (t) => {
  const { world, ended, wait, decrement } = setUp(2)
  wait('a', 100)
  wait('b', 200)
  decrement()
  await turn()
  t.strictSame(ended, [])
  decrement()
  await turn()
  t.strictSame(ended, [
    ['a', true],
    ['b', true],
  ])
  t.equal(world.timers, 0)
})

t.test('each waits no longer than its own time', async (t) => {
  const { world, ended, wait } = setUp(1)
  wait('a', 100)
  wait('b', 200)
  world.advance(100)
  await turn()
  t.strictSame(ended, [['a', false]])
  world.advance(100)
  await turn()
  t.strictSame(ended, [
    ['a', false],
    ['b', false],
  ])
})
