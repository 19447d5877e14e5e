import t from 'tap'
import type { ToWorker } from '../../src/ipc/messages.ts'
import { TicketKeys } from '../../src/primary/ticket-keys.ts'
import { SimulatedWorld } from '../support/simulated-world.ts'

function receiver() {
  const keys: string[] = []
  const send = (message: ToWorker): void => void (message.type === 'ticket-keys' && keys.push(message.keys))
  return { keys, send }
}

t.test('all processes get the same keys, and others after each rotation', async (t) => {
  const world = new SimulatedWorld()
  const processes = [receiver(), receiver()]
  const ticketKeys = new TicketKeys(world, 1_000, () => processes)
  for (const process of processes) ticketKeys.give(process)
  world.advance(2_000)
  const late = receiver()
  ticketKeys.give(late)
  const [one, two] = processes
  t.strictSame(one!.keys, two!.keys)
  t.equal(new Set(one!.keys).size, 3)
  t.ok(one!.keys.every((keys) => Buffer.from(keys, 'base64').length === 48))
  t.strictSame(late.keys, one!.keys.slice(-1), 'a process that comes later gets the keys of that time')
  ticketKeys.close()
  t.equal(world.pending, 0)
})

t.test('without a rotation time no process gets keys', async (t) => {
  const world = new SimulatedWorld()
  const process = receiver()
  new TicketKeys(world, undefined, () => [process]).give(process)
  t.strictSame(process.keys, [])
  t.equal(world.pending, 0)
})
