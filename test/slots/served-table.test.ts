import t from 'tap'
import { ServedTable } from '../../src/slots/served-table.ts'
import { slotTable } from '../../src/slots/slot-table.ts'

t.test('the slots of a worker that does not serve the listener go to the others, and come back', async (t) => {
  const served = new ServedTable(slotTable(3))
  t.equal(served.table, slotTable(3))
  served.leave(1)
  t.strictSame(served.table.workers, [0, 2])
  const moved = slotTable(3).owners.filter((owner, slot) => served.table.owners[slot] !== owner)
  t.ok(moved.every((owner) => owner === 1))
  served.join(2)
  t.strictSame(served.table.workers, [0, 2], 'a worker that serves it already changes nothing')
  served.join(1)
  t.equal(served.table, slotTable(3))
})

t.test('a worker that is down loses its slots here too, and one that does not serve gets none of them', async (t) => {
  const served = new ServedTable(slotTable(3))
  served.leave(1)
  served.assign(slotTable(3).without(0))
  t.strictSame(served.table.workers, [2])
  served.assign(slotTable(3))
  t.strictSame(served.table.workers, [0, 2])
})

t.test('where no worker serves the listener, the owners are those of all listeners', async (t) => {
  const served = new ServedTable(slotTable(2))
  served.leave(0)
  served.leave(1)
  t.equal(served.table, slotTable(2))
  served.join(1)
  t.strictSame(served.table.workers, [1])
})
