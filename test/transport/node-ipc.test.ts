import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import t from 'tap'
import { WorkerChannel } from '../../src/ipc/channel.ts'
import { nodeIpc } from '../../src/transport/node-ipc.ts'
import type { AcceptedConnection } from '../../src/transport/transport.ts'
import { realWorld } from '../../src/world.ts'
import { SimulatedWorld } from '../support/simulated-world.ts'
import { transportContract } from './contract.ts'

transportContract(t, nodeIpc(realWorld))

/** A sender to a child process that answers only when the test says so. */
function setUp() {
  const world = new SimulatedWorld()
  const sent: unknown[] = []
  const child = Object.assign(new EventEmitter(), {
    connected: true,
    send: ({ holdfast }: { holdfast: unknown }) => sent.push(holdfast),
  })
  const taken: AcceptedConnection[] = []
  const lost: AcceptedConnection[] = []
  const sender = nodeIpc(world)
    .endpoint()
    .sender(new WorkerChannel(child as unknown as ChildProcess), {
      taken: (connections) => taken.push(...connections),
      lost: (connections) => lost.push(...connections),
      room() {},
      gone() {},
    })
  return { world, sender, sent, taken, lost, receive: (holdfast: object) => child.emit('message', { holdfast }) }
}

const connection = () => ({ handle: undefined, metadata: undefined }) as AcceptedConnection

t.test('a worker that does not answer is probed once its silence exceeds the patience', async (t) => {
  const { world, sender, sent, taken, receive } = setUp()
  world.advance(1_000)
  t.equal(sender.silence(world.now(), 50), 0, 'it owes nothing yet')
  const slow = connection()
  sender.send(slow)
  for (const expected of [50, 51, 52]) {
    world.advance(expected - sender.silence(world.now(), Infinity))
    t.equal(sender.silence(world.now(), 50), expected)
  }
  t.strictSame(sent, [0, { type: 'probe', seq: 0 }], 'one question is enough')
  receive({ type: 'ack', seq: 0 })
  t.strictSame(taken, [slow])
  t.equal(sender.silence(world.now(), 50), 0, 'the answer to the question is owed from now on')
  world.advance(1)
  t.equal(sender.silence(world.now(), 50), 1)
  receive({ type: 'probe-answer', seq: 0 })
  world.advance(1)
  t.equal(sender.silence(world.now(), 50), 0)
})

t.test('an answer to a probe without an acknowledgement before it means that the connection was lost', async (t) => {
  const { world, sender, lost, receive } = setUp()
  const missing = connection()
  sender.send(missing)
  world.advance(100)
  sender.silence(world.now(), 50)
  receive({ type: 'probe-answer', seq: 0 })
  t.strictSame(lost, [missing])
  t.equal(sender.unacknowledged, 0)
})
