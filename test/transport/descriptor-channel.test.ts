import t from 'tap'
import { loadLibc } from '../../src/native/libc.ts'
import { descriptorChannel, DescriptorSender, type SenderLink } from '../../src/transport/descriptor-channel.ts'
import type { LinkEvents } from '../../src/transport/descriptor-link.ts'
import type { AcceptedConnection } from '../../src/transport/transport.ts'
import { realWorld } from '../../src/world.ts'
import { SimulatedWorld } from '../support/simulated-world.ts'
import { transportContract } from './contract.ts'

const { libc, reason } = loadLibc()
if (libc === undefined) t.test('descriptor-channel', { skip: reason }, () => {})
else transportContract(t, descriptorChannel(libc, realWorld))

/** A link to a worker that answers only when the test says so. */
class FakeLink implements SenderLink {
  /** The descriptors of each frame. */
  readonly frames: (readonly number[])[] = []
  probes = 0
  isFull = false
  readonly events: LinkEvents

  constructor(events: LinkEvents) {
    this.events = events
  }

  send(_kind: number, _seq: number, descriptors: readonly number[]): boolean {
    if (!this.isFull) this.frames.push(descriptors)
    return !this.isFull
  }

  probe(): void {
    this.probes++
  }

  end(): void {}
  close(): void {}
}

function setUp() {
  const world = new SimulatedWorld()
  let link: FakeLink
  const acknowledged: AcceptedConnection[] = []
  const senderEvents = {
    onAcknowledged: (connections: readonly AcceptedConnection[]) => acknowledged.push(...connections),
    onUndelivered() {},
    onRoom() {},
    onClosed() {},
  }
  const sender = new DescriptorSender((events) => (link = new FakeLink(events)), senderEvents, world)
  return { world, sender, link: link!, acknowledged }
}

const connection = (fd: number) => ({ fd, metadata: undefined }) as AcceptedConnection

t.test('the connections of one turn travel in one frame, at its end', async (t) => {
  const { world, sender, link } = setUp()
  for (const fd of [5, 6, 7]) t.ok(sender.send(connection(fd)))
  t.strictSame(link.frames, [])
  t.equal(sender.unacknowledged, 3)
  world.endTurn()
  t.strictSame(link.frames, [[5, 6, 7]])
  world.endTurn()
  t.equal(link.frames.length, 1)
})

t.test('a worker that does not answer is probed once its silence exceeds the patience', async (t) => {
  const { world, sender, link, acknowledged } = setUp()
  world.advance(1_000)
  t.equal(sender.silence(world.now(), 50), 0, 'it owes nothing yet')
  sender.send(connection(5))
  world.endTurn()
  world.advance(50)
  t.equal(sender.silence(world.now(), 50), 50)
  t.equal(link.probes, 0)
  world.advance(1)
  t.equal(sender.silence(world.now(), 50), 51)
  world.advance(1)
  t.equal(sender.silence(world.now(), 50), 52)
  t.equal(link.probes, 1, 'one probe is enough')
  link.events.onReceipt(0, 0)
  t.equal(sender.silence(world.now(), 50), 0)
  t.strictSame(
    acknowledged.map(({ fd }) => fd),
    [5],
  )
})

t.test('a frame that finds the link full goes out with the next receipt', async (t) => {
  const { world, sender, link } = setUp()
  sender.send(connection(5))
  world.endTurn()
  link.isFull = true
  sender.send(connection(6))
  world.endTurn()
  t.strictSame(link.frames, [[5]])
  link.isFull = false
  link.events.onReceipt(0, 0)
  t.strictSame(link.frames, [[5], [6]])
})

t.test('close() gives back what was not sent, and nothing is sent at the end of the turn', async (t) => {
  const { world, sender, link } = setUp()
  const waiting = connection(5)
  sender.send(waiting)
  t.strictSame(sender.close(), [waiting])
  world.endTurn()
  t.strictSame(link.frames, [])
})
