import t from 'tap'
import type { WorkerChannel } from '../../../src/ipc/channel.ts'
import { SharedSender } from '../../../src/steering/handoff/shared-sender.ts'
import type { AcceptedConnection, Endpoint, SenderEvents } from '../../../src/transport/transport.ts'

const channel = {} as WorkerChannel

/** A sender to a process that takes everything, with a part for each of two listeners. */
function setUp() {
  let events!: SenderEvents
  const sent: AcceptedConnection[] = []
  let isFull = false
  const endpoint = {
    sender: (_: WorkerChannel, given: SenderEvents) => {
      events = given
      return {
        send: (connection: AcceptedConnection) => !isFull && sent.push(connection) > 0,
        unacknowledged: 0,
        silence: () => 5,
        end() {},
        close: () => [...sent],
      }
    },
  } as unknown as Endpoint
  const shared = new SharedSender(channel, endpoint)
  const part = (listener: number) => {
    const seen: [what: string, connections: readonly AcceptedConnection[]][] = []
    const sender = shared.endpoint(listener).sender(channel, {
      onAcknowledged: (connections) => void seen.push(['acknowledged', connections]),
      onUndelivered: (connections) => void seen.push(['undelivered', connections]),
      onRoom: () => void seen.push(['room', []]),
      onClosed: () => void seen.push(['closed', []]),
    })
    return { sender, seen }
  }
  const [first, second] = [part(0), part(1)]
  const fill = () => (isFull = true)
  return { shared, first, second, events: () => events, fill }
}

const connection = (listener: number) => ({ listener }) as AcceptedConnection

t.test('each part learns of its own connections only', async (t) => {
  const { first, second, events } = setUp()
  const all = [connection(0), connection(1), connection(0), connection(2)]
  for (const one of all) (one.listener === 1 ? second : first).sender.send(one)
  t.strictSame([first.sender.unacknowledged, second.sender.unacknowledged], [3, 1])
  events().onAcknowledged(all)
  events().onUndelivered([])
  t.strictSame(first.seen, [['acknowledged', [all[0], all[2]]]])
  t.strictSame(second.seen, [['acknowledged', [all[1]]]])
  events().onRoom()
  events().onClosed()
  t.strictSame(second.seen.slice(1), [
    ['room', []],
    ['closed', []],
  ])
})

t.test('when the process ends, each part gets back what is its own, and the rest is of closed listeners', async (t) => {
  const { shared, first, second } = setUp()
  const all = [connection(0), connection(1), connection(0), connection(2)]
  for (const one of all) first.sender.send(one)
  t.equal(shared.silence(0, 0), 5)
  t.strictSame(second.sender.close(), [all[1]])
  t.strictSame(first.sender.close(), [all[0], all[2]])
  t.strictSame(shared.takeRest(), [all[3]])
  t.strictSame(shared.takeRest(), [])
  t.equal(first.sender.send(connection(0)), false, 'nothing is sent any more')
  t.equal(shared.silence(0, 0), 0)
})

t.test('a part that is full counts nothing', async (t) => {
  const { first, fill } = setUp()
  fill()
  t.equal(first.sender.send(connection(0)), false)
  t.equal(first.sender.unacknowledged, 0)
})
