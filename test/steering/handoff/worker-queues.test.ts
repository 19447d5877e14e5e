// Connections that were for one process alone, when that one has a successor.
import t from 'tap'
import type { WorkerChannel } from '../../../src/ipc/channel.ts'
import { readSettings } from '../../../src/options/settings.ts'
import { slotTable } from '../../../src/slots/slot-table.ts'
import { WorkerQueues } from '../../../src/steering/handoff/worker-queues.ts'
import { encodeMetadata, decodeMetadata } from '../../../src/transport/metadata.ts'
import type { Accepted, Endpoint, Sender, SenderEvents } from '../../../src/transport/transport.ts'
import { until } from '../../support/clients.ts'

/** The end of a channel: what was sent, and whether there is room. */
class Channel {
  readonly got: Accepted[] = []
  isFull = false
  events: SenderEvents | undefined

  readonly endpoint = {
    sender: (_child: WorkerChannel, events: SenderEvents): Sender => {
      this.events = events
      return {
        send: (connection: Accepted) => {
          if (this.isFull) return false
          this.got.push(connection)
          return true
        },
        unacknowledged: 0,
        silence: () => 0,
        end() {},
        close: () => [],
      }
    },
  } as unknown as Endpoint
}

const process = (name: string) => ({ name }) as unknown as WorkerChannel

function movedTo(to: WorkerChannel): Accepted {
  const metadata = encodeMetadata({ head: Buffer.from('GET / HTTP/1.1\r\n\r\n'), moved: { settled: true, from: 0 } })
  return { fd: 9, handle: undefined, slot: 0, acceptedAt: performance.now(), seq: 0, key: '', metadata, to, close() {} }
}

function setUp() {
  const dropped: string[] = []
  const settings = readSettings({ workers: 2, port: 0 })
  const events = {
    overdue() {},
    open: () => 0,
    taken() {},
    again() {},
    dropped: (_: Accepted, reason: string) => void dropped.push(reason),
  }
  const queues = new WorkerQueues(settings, slotTable(2), events)
  const [home, old, successor] = [new Channel(), new Channel(), new Channel()]
  const [homeProcess, oldProcess, successorProcess] = [process('home'), process('old'), process('successor')]
  queues.attach(0, homeProcess, home.endpoint)
  queues.attach(1, oldProcess, old.endpoint)
  return {
    queues,
    dropped,
    home,
    old,
    successor,
    oldProcess,
    succeed: () => queues.attach(1, successorProcess, successor.endpoint),
  }
}

const movedOf = ({ metadata }: Accepted) => decodeMetadata(metadata!).moved

t.test('what waits for a process is not given to its successor as settled', async (t) => {
  const { queues, home, old, successor, oldProcess, succeed, dropped } = setUp()
  old.isFull = true
  queues.dispatch(movedTo(oldProcess))
  succeed()
  queues.retire(oldProcess)
  const [connection] = [...home.got, ...successor.got]
  t.match(movedOf(connection!), { settled: false, from: 0 }, 'whoever has it looks at it anew')
  t.strictSame(dropped, [])
})

t.test('nor what it had no descriptors for', async (t) => {
  const { queues, home, old, successor, oldProcess, succeed } = setUp()
  queues.dispatch(movedTo(oldProcess))
  succeed()
  old.events!.lost(old.got)
  const [connection] = [...home.got, ...successor.got]
  t.match(movedOf(connection!), { settled: false, from: 0 })
})

t.test('a process that lives gets what is for it', async (t) => {
  const { queues, home, old, oldProcess } = setUp()
  queues.dispatch(movedTo(oldProcess))
  t.equal(home.got.length, 0)
  t.match(movedOf(old.got[0]!), { settled: true })
})

t.test('what comes back one by one keeps its order', async (t) => {
  const { queues, old, oldProcess } = setUp()
  const connections = [1, 2, 3, 4].map((acceptedAt) => ({
    ...movedTo(oldProcess),
    acceptedAt: performance.now() + acceptedAt,
  }))
  for (const connection of connections) queues.dispatch(connection)
  old.isFull = true
  for (const connection of old.got.splice(0)) old.events!.lost([connection])
  old.isFull = false
  await until('all are sent again', () => old.got.length === connections.length)
  t.strictSame(
    old.got.map(({ acceptedAt }) => acceptedAt),
    connections.map(({ acceptedAt }) => acceptedAt),
  )
})
