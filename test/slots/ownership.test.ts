import t from 'tap'
import { Ownership } from '../../src/slots/ownership.ts'
import { slotTable } from '../../src/slots/slot-table.ts'

function start(workers: number) {
  const down = new Set<number>()
  const moves: [number, string][] = []
  const ownership = new Ownership(workers, {
    serves: (id) => !down.has(id),
    moved: (_, moved, reason) => moves.push([moved, reason]),
  })
  return { ownership, down, moves }
}

t.test('the slots of a worker that is down fail over, and it gets the same slots back', async (t) => {
  const { ownership, moves } = start(4)
  ownership.failOver(2)
  t.strictSame(ownership.table.workers, [0, 1, 3])
  ownership.failOver(2)
  ownership.restore(2)
  ownership.restore(2)
  t.equal(ownership.table, slotTable(4))
  t.strictSame(moves, [
    [64, 'worker 2 is down'],
    [64, 'worker 2 is ready'],
  ])
})

t.test('a worker keeps its slots while no other worker serves', async (t) => {
  const { ownership, down, moves } = start(2)
  down.add(1)
  ownership.failOver(0)
  t.strictSame(moves, [])
})

t.test('an unhealthy worker keeps its slots when fewer than half of the workers would remain', async (t) => {
  const { ownership, down, moves } = start(4)
  down.add(0)
  ownership.ejectUnhealthy(0)
  t.strictSame(ownership.table.workers, [1, 2, 3])
  down.add(1).add(2)
  ownership.ejectUnhealthy(1)
  t.strictSame(ownership.table.workers, [1, 2, 3], 'one worker would take all the load')
  t.equal(moves.length, 1)
})

t.test('with fewer workers only the clients of the removed workers move', async (t) => {
  const { ownership, moves } = start(4)
  ownership.resize(3)
  t.equal(ownership.table, slotTable(3))
  t.equal(ownership.workers, 3)
  t.strictSame(moves, [[64, '3 workers remain']])
  ownership.resize(5)
  t.equal(ownership.table, slotTable(3), 'with more workers nothing moves before they are ready')
  ownership.restore(3)
  ownership.restore(4)
  t.equal(ownership.table, slotTable(5))
})

t.test('slots that failed over to a removed worker get another owner', async (t) => {
  const { ownership } = start(2)
  ownership.failOver(0)
  t.strictSame(ownership.table.workers, [1])
  ownership.resize(1)
  t.strictSame(ownership.table.workers, [0])
})
