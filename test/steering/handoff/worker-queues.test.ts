import t from 'tap'
import type { WorkerChannel } from '../../../src/ipc/channel.ts'
import { readSettings } from '../../../src/options/settings.ts'
import { slotTable } from '../../../src/slots/slot-table.ts'
import { WorkerQueues } from '../../../src/steering/handoff/worker-queues.ts'
import { encodeMetadata, decodeMetadata } from '../../../src/transport/metadata.ts'
import type { AcceptedConnection, Endpoint, Sender, SenderEvents } from '../../../src/transport/transport.ts'
import { SimulatedWorld } from '../../support/simulated-world.ts'

const HOLD_TIMEOUT = 1_000

/** A worker process that takes what it is sent and acknowledges nothing by itself. */
class FakeProcess {
  readonly channel: WorkerChannel
  /** Connections that were sent to it. */
  readonly received: AcceptedConnection[] = []
  isFull = false
  events: SenderEvents | undefined

  constructor(name: string) {
    this.channel = { name } as unknown as WorkerChannel
  }

  readonly endpoint = {
    sender: (_channel: WorkerChannel, events: SenderEvents): Sender => {
      this.events = events
      return {
        send: (connection: AcceptedConnection) => {
          if (this.isFull) return false
          this.received.push(connection)
          return true
        },
        unacknowledged: 0,
        silence: () => 0,
        end() {},
        close: () => [],
      }
    },
  } as unknown as Endpoint

  /** Answers that it had no descriptors for these. */
  refuse(connections: AcceptedConnection[]): void {
    this.events!.onUndelivered(connections)
  }
}

/** Queues of two workers without a process, on a clock of their own. */
function setUp() {
  const world = new SimulatedWorld()
  const settings = readSettings({ workers: 2, port: 0, limits: { holdTimeout: HOLD_TIMEOUT } })
  const dropped: [connection: AcceptedConnection, reason: string][] = []
  const overdue: number[] = []
  let redispatched = 0
  const events = {
    onOverdue: (worker: number) => void overdue.push(worker),
    openConnections: () => 0,
    onAcknowledged() {},
    onDropped: (connection: AcceptedConnection, reason: string) => void dropped.push([connection, reason]),
    onRedispatched: (count: number) => void (redispatched += count),
  }
  const table = slotTable(2)
  const queues = new WorkerQueues(settings, table, events, world)
  const attach = (worker: number, process: FakeProcess) => queues.attach(worker, process.channel, process.endpoint)
  /** A connection for a slot of that worker. */
  const connectionFor = (worker: number): AcceptedConnection => ({
    fd: 9,
    handle: undefined,
    listener: 0,
    slot: table.owners.indexOf(worker),
    acceptedAt: world.now(),
    seq: 0,
    key: '',
    metadata: undefined,
    recipient: undefined,
    close() {},
  })
  return { world, queues, dropped, overdue, redispatched: () => redispatched, attach, connectionFor }
}

/** Two workers with a process each, and one more process that will succeed the second one. */
function setUpSuccession() {
  const { queues, attach, connectionFor, ...rest } = setUp()
  const [other, old, successor] = [new FakeProcess('other'), new FakeProcess('old'), new FakeProcess('successor')]
  attach(0, other)
  attach(1, old)
  /** A connection that a worker passed on to the old process, because its session is there. */
  const transferred = (): AcceptedConnection => {
    const head = Buffer.from('GET / HTTP/1.1\r\n\r\n')
    const metadata = encodeMetadata({ head, moved: { isFinal: true, from: 0 } })
    return { ...connectionFor(0), metadata, recipient: old.channel }
  }
  return { ...rest, queues, other, old, successor, transferred, succeed: () => attach(1, successor) }
}

const movedOf = ({ metadata }: AcceptedConnection) => decodeMetadata(metadata!).moved

t.test('a connection waits for an absent worker, and goes to its process in the order of arrival', async (t) => {
  const { queues, attach, connectionFor, dropped } = setUp()
  const connections = [connectionFor(1), connectionFor(1), connectionFor(1)]
  for (const connection of connections) queues.dispatch(connection)
  t.equal(queues.pendingOf(1), 3)
  const process = new FakeProcess('late')
  attach(1, process)
  t.strictSame(process.received, connections)
  t.equal(queues.pendingOf(1), 0)
  t.strictSame(dropped, [])
})

t.test('a connection is dropped once it has waited for holdTimeout, and not before', async (t) => {
  const { world, queues, connectionFor, dropped, overdue } = setUp()
  const early = connectionFor(1)
  queues.dispatch(early)
  world.advance(HOLD_TIMEOUT - 1)
  const late = connectionFor(1)
  queues.dispatch(late)
  queues.checkTimeouts(world.now())
  t.strictSame([dropped, overdue], [[], []])
  world.advance(1)
  queues.checkTimeouts(world.now())
  t.strictSame(overdue, [1], 'its slots may fail over first')
  t.strictSame(dropped, [[early, 'hold-timeout']])
  world.advance(HOLD_TIMEOUT - 1)
  queues.checkTimeouts(world.now())
  t.strictSame(dropped.slice(1), [[late, 'hold-timeout']])
})

t.test('when the slots fail over, the connections go along and none is dropped', async (t) => {
  const { world, queues, attach, connectionFor, dropped } = setUp()
  const process = new FakeProcess('other')
  attach(0, process)
  const connection = connectionFor(1)
  queues.dispatch(connection)
  world.advance(HOLD_TIMEOUT)
  queues.assign(slotTable(2).without(1))
  queues.checkTimeouts(world.now())
  t.strictSame(process.received, [connection])
  t.strictSame(dropped, [])
})

t.test('a worker without descriptors gets its connections again a little later, in their order', async (t) => {
  const { world, queues, attach, connectionFor, redispatched, dropped } = setUp()
  const process = new FakeProcess('crowded')
  attach(1, process)
  const connections: AcceptedConnection[] = []
  for (let i = 0; i < 4; i++) {
    const connection = connectionFor(1)
    connections.push(connection)
    queues.dispatch(connection)
    world.advance(1)
  }
  // Some transports report one at a time.
  for (const connection of process.received.splice(0)) process.refuse([connection])
  t.equal(redispatched(), 4)
  world.advance(40)
  process.events!.onRoom()
  t.strictSame(process.received, [], 'nothing is sent before')
  world.advance(60)
  t.strictSame(process.received, connections)
  t.strictSame(dropped, [])
})

t.test('a worker that has no descriptors for longer than holdTimeout loses the connection', async (t) => {
  const { world, queues, attach, connectionFor, dropped } = setUp()
  const process = new FakeProcess('crowded')
  attach(1, process)
  const connection = connectionFor(1)
  queues.dispatch(connection)
  for (let tries = 0; dropped.length === 0 && tries < 100; tries++) {
    process.refuse(process.received.splice(0))
    world.advance(50)
  }
  t.strictSame(dropped, [[connection, 'hold-timeout']])
  t.ok(world.now() > HOLD_TIMEOUT && world.now() <= HOLD_TIMEOUT + 100, `after ${world.now()} ms`)
})

t.test('close() drops what waits and leaves no timer', async (t) => {
  const { world, queues, attach, connectionFor, dropped } = setUp()
  const process = new FakeProcess('crowded')
  attach(1, process)
  queues.dispatch(connectionFor(0))
  queues.dispatch(connectionFor(1))
  process.refuse(process.received.splice(0))
  queues.close()
  t.strictSame(
    dropped.map(([, reason]) => reason),
    ['shutdown', 'shutdown'],
  )
  t.equal(world.pending, 0)
})

t.test('a transferred connection goes to the process that it was transferred to', async (t) => {
  const { queues, other, old, transferred } = setUpSuccession()
  queues.dispatch(transferred())
  t.equal(other.received.length, 0)
  t.match(movedOf(old.received[0]!), { isFinal: true })
})

t.test('when that process retires before it was sent, another process routes its requests again', async (t) => {
  const { queues, other, old, successor, transferred, succeed, dropped } = setUpSuccession()
  old.isFull = true
  queues.dispatch(transferred())
  succeed()
  queues.retire(old.channel)
  const [connection] = [...other.received, ...successor.received]
  t.match(movedOf(connection!), { isFinal: false, from: 0 })
  t.strictSame(dropped, [])
})

t.test('when that process had no descriptors and has a successor, another process routes again', async (t) => {
  const { queues, other, old, successor, transferred, succeed } = setUpSuccession()
  queues.dispatch(transferred())
  succeed()
  old.refuse(old.received)
  const [connection] = [...other.received, ...successor.received]
  t.match(movedOf(connection!), { isFinal: false, from: 0 })
})
