import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import t from 'tap'
import { WorkerChannel } from '../../src/ipc/channel.ts'
import { envelope } from '../../src/ipc/messages.ts'
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
  const acknowledged: AcceptedConnection[] = []
  const undelivered: AcceptedConnection[] = []
  const sender = nodeIpc(world)
    .endpoint()
    .sender(new WorkerChannel(child as unknown as ChildProcess), {
      onAcknowledged: (connections) => acknowledged.push(...connections),
      onUndelivered: (connections) => undelivered.push(...connections),
      onRoom() {},
      onClosed() {},
    })
  return {
    world,
    sender,
    sent,
    acknowledged,
    undelivered,
    receive: (holdfast: object) => child.emit('internalMessage', envelope(holdfast)),
  }
}

const connection = () => ({ handle: undefined, metadata: undefined }) as AcceptedConnection

t.test('a worker that does not answer is probed once its silence exceeds the patience', async (t) => {
  const { world, sender, sent, acknowledged, receive } = setUp()
  world.advance(1_000)
  t.equal(sender.silence(world.now(), 50), 0, 'it owes nothing yet')
  const slow = connection()
  sender.send(slow)
  for (const expected of [50, 51, 52]) {
    world.advance(expected - sender.silence(world.now(), Infinity))
    t.equal(sender.silence(world.now(), 50), expected)
    t.equal(sent.length, expected > 50 ? 2 : 1)
  }
  t.strictSame(sent, [0, { type: 'probe', seq: 0 }], 'one probe is enough')
  receive({ type: 'ack', seq: 0 })
  t.strictSame(acknowledged, [slow])
  t.equal(sender.silence(world.now(), 50), 0, 'the answer to the probe is owed from now on')
  world.advance(1)
  t.equal(sender.silence(world.now(), 50), 1)
  receive({ type: 'probe-answer', seq: 0 })
  world.advance(1)
  t.equal(sender.silence(world.now(), 50), 0)
})

t.test(
  'an answer to a probe without an acknowledgement before it means that the connection did not arrive',
  async (t) => {
    const { world, sender, undelivered, receive } = setUp()
    const missing = connection()
    sender.send(missing)
    world.advance(100)
    sender.silence(world.now(), 50)
    receive({ type: 'probe-answer', seq: 0 })
    t.strictSame(undelivered, [missing])
    t.equal(sender.unacknowledged, 0)
  },
)
