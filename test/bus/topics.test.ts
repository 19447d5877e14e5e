import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { WebSocket, WebSocketServer } from 'ws'
import { broadcastTo, localBus, type Topics, type TopicsOptions } from '../../src/broadcast.ts'
import { startBalancer, type Balancer } from '../support/balancer.ts'
import { loopback, until } from '../support/clients.ts'

interface Client {
  socket: WebSocket
  /** Messages that arrived: text as a string, binary as a Buffer. */
  received: (string | Buffer)[]
}

interface Room {
  topics: Topics
  wss: WebSocketServer
  /** Connects a client. `end` is the server's end of its connection. */
  connect(): Promise<Client & { end: WebSocket }>
}

async function open(t: Test, options?: TopicsOptions): Promise<Room> {
  const wss = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  await once(wss, 'listening')
  const bus = localBus()
  const topics = broadcastTo(wss, bus, options)
  t.teardown(async () => {
    for (const one of wss.clients) one.terminate()
    wss.close()
    await bus.close()
  })
  return {
    topics,
    wss,
    async connect() {
      const arrived = once(wss, 'connection')
      const client = await dial(t, (wss.address() as AddressInfo).port)
      const [end] = (await arrived) as [WebSocket]
      return { ...client, end }
    },
  }
}

async function dial(t: Test, port: number, from = '127.0.0.1'): Promise<Client> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { localAddress: from })
  t.teardown(() => socket.terminate())
  const received: Client['received'] = []
  socket.on('message', (data: Buffer, isBinary) => received.push(isBinary ? data : data.toString()))
  await once(socket, 'open')
  return { socket, received }
}

t.test('the sockets in a topic get its messages, and no other sockets do', async (t) => {
  const { topics, connect } = await open(t)
  const [a, b, c] = [await connect(), await connect(), await connect()]
  topics.join(a.end, 'news')
  topics.join(a.end, 'news')
  topics.join(b.end, 'news')
  topics.join(b.end, 'sport')
  topics.join(c.end, 'sport')
  topics.publish('news', 'one')
  topics.publish('sport', 'two')
  topics.publish('empty', 'three')
  await until(
    'all messages have arrived',
    () => b.received.length === 2 && c.received.length === 1 && a.received.length === 1,
  )
  t.strictSame([a.received, b.received, c.received], [['one'], ['one', 'two'], ['two']])
  t.strictSame(topics.status(), { sockets: 3, topics: 2, sent: 4, skipped: 0, closed: 0 })
  topics.leave(b.end, 'news')
  topics.leave(b.end, 'never joined')
  topics.publish('news', 'four')
  topics.publish('sport', 'five')
  await until('the message arrives', () => b.received.length === 3 && a.received.length === 2)
  t.strictSame(
    [a.received, b.received],
    [
      ['one', 'four'],
      ['one', 'two', 'five'],
    ],
  )
})

t.test('bytes are sent as binary, a string as text, anything else as JSON', async (t) => {
  const { topics, connect } = await open(t)
  const { end, received } = await connect()
  topics.join(end, 'kinds')
  const binary = Buffer.from([0, 255, 1, 128])
  topics.publish('kinds', binary)
  topics.publish('kinds', new Uint8Array())
  topics.publish('kinds', 'Grüße 🌊')
  topics.publish('kinds', '')
  topics.publish('kinds', { some: ['json', 1, null] })
  topics.publish('kinds', 'x'.repeat(70_000))
  await until('all messages arrive', () => received.length === 6)
  t.strictSame(received, [binary, Buffer.alloc(0), 'Grüße 🌊', '', '{"some":["json",1,null]}', 'x'.repeat(70_000)])
})

t.test('a message leaves out the excepted socket', async (t) => {
  const { topics, connect } = await open(t)
  const [a, b] = [await connect(), await connect()]
  topics.join(a.end, 'chat')
  topics.join(b.end, 'chat')
  topics.publish('chat', 'from a', { except: a.end })
  topics.publish('chat', 'from b', { except: b.end })
  topics.publish('chat', 'to all')
  await until('all messages arrive', () => a.received.length === 2 && b.received.length === 2)
  t.strictSame(
    [a.received, b.received],
    [
      ['from b', 'to all'],
      ['from a', 'to all'],
    ],
  )
})

t.test('a closed socket is in no topic and cannot join one', async (t) => {
  const { topics, connect } = await open(t)
  const [a, b] = [await connect(), await connect()]
  topics.join(a.end, 'one')
  topics.join(a.end, 'two')
  topics.join(b.end, 'two')
  const gone = once(a.end, 'close')
  a.socket.terminate()
  await gone
  t.match(topics.status(), { sockets: 1, topics: 1 })
  topics.join(a.end, 'one')
  t.match(topics.status(), { sockets: 1, topics: 1 })
  topics.close()
  t.match(topics.status(), { sockets: 0, topics: 0 })
})

t.test('when the server is closed all sockets leave their topics', async (t) => {
  const { topics, wss, connect } = await open(t)
  const { end } = await connect()
  topics.join(end, 'one')
  wss.close()
  end.terminate()
  await once(wss, 'close')
  t.match(topics.status(), { sockets: 0, topics: 0 })
})

for (const slow of ['skip', 'close'] as const) {
  t.test(`a client that does not read does not delay the others: ${slow}`, async (t) => {
    const maxBuffered = 256 * 1024
    const { topics, connect } = await open(t, { maxBuffered, slow })
    const [stopped, other] = [await connect(), await connect()]
    topics.join(stopped.end, 'flood')
    topics.join(other.end, 'flood')
    stopped.socket.pause()
    const size = 100_000
    let sent = 0
    const enough = () => (slow === 'skip' ? topics.status().skipped >= 5 : topics.status().closed === 1)
    for (; !enough(); sent++) {
      if (sent > 1_000) throw new Error('the messages that wait have no limit')
      topics.publish('flood', Buffer.alloc(size, sent))
      await until('the other client has the message', () => other.received.length === sent + 1)
    }
    t.ok(stopped.end.bufferedAmount <= maxBuffered + 2 * size, `${stopped.end.bufferedAmount} bytes wait`)
    t.match(topics.status(), slow === 'skip' ? { closed: 0 } : { closed: 1, skipped: 0 })
    const closed = once(stopped.socket, 'close')
    stopped.socket.resume()
    if (slow === 'close') {
      const [code, reason] = (await closed) as [number, Buffer]
      t.strictSame([code, reason.toString()], [1013, 'too slow'])
      await until('the client has left', () => topics.status().sockets === 1)
      return
    }
    const { skipped } = topics.status()
    await until('the client has all messages that it was sent', () => stopped.received.length === sent - skipped)
    topics.publish('flood', 'again')
    await until('a later message arrives', () => stopped.received.at(-1) === 'again')
    t.equal(topics.status().skipped, skipped)
  })
}

t.test('topics reach the clients of every worker', async (t) => {
  const balancer = await startBalancer(t, {
    fixture: 'topics-app',
    options: { workers: 2 },
    env: { REDIS_URL: '' },
  })
  const [a, b, c] = [await clientOf(balancer, t, 0), await clientOf(balancer, t, 0), await clientOf(balancer, t, 1)]
  for (const one of [a, b, c]) await order(one, { join: 'chat' })
  await order(a, { publish: 'chat', data: 'to all' })
  await order(a, { publish: 'chat', data: 'to others', others: true })
  await order(c, { leave: 'chat', publish: 'chat', data: 'from outside' })
  await until('the messages have arrived', () => [a, b].every(({ received }) => received.includes('from outside')))
  const messagesOf = ({ received }: Client) => received.filter((text) => text !== 'done').slice(1)
  t.strictSame(messagesOf(a), ['to all', 'from outside'])
  t.strictSame(messagesOf(b), ['to all', 'to others', 'from outside'])
  t.strictSame(messagesOf(c), ['to all', 'to others'])
})

async function clientOf({ explain, port }: Balancer, t: Test, worker: number): Promise<Client> {
  let n = 1
  while ((await explain(loopback(n))).worker !== worker) n++
  const client = await dial(t, port, loopback(n))
  await until('the greeting arrives', () => client.received.length > 0)
  t.equal(client.received[0], `worker ${worker}`)
  return client
}

async function order({ socket, received }: Client, order: object): Promise<void> {
  const before = received.filter((text) => text === 'done').length
  socket.send(JSON.stringify(order))
  await until('the order is done', () => received.filter((text) => text === 'done').length > before)
}

t.test('a wrong argument throws at once', async (t) => {
  const { topics, wss, connect } = await open(t)
  const { end } = await connect()
  const bus = localBus()
  const wrong = (message: RegExp, run: () => unknown) => t.throws(run, { code: 'HOLDFAST_BAD_OPTION', message })
  wrong(/broadcastTo: expected a WebSocketServer, got \{\}/, () => broadcastTo({} as never, bus))
  wrong(/broadcastTo: expected a bus, got undefined/, () => broadcastTo(wss, undefined as never))
  wrong(/broadcastTo options: unknown option 'max'/, () => broadcastTo(wss, bus, { max: 1 } as never))
  wrong(/broadcastTo options.slow: expected 'skip' or 'close'/, () => broadcastTo(wss, bus, { slow: 'wait' } as never))
  wrong(/topic: expected a string/, () => topics.join(end, ''))
  wrong(/topic: expected a string/, () => topics.publish(1 as never, ''))
  wrong(/message: expected bytes/, () => topics.publish('news', undefined as never))
})
