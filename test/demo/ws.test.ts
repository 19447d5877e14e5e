import { once } from 'node:events'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { CHROMIUM, startBrowser } from '../support/browser.ts'
import { loopback } from '../support/clients.ts'
import { missing } from '../support/installed.ts'
import { startDemo, stopDemo } from './demo.ts'
import { isReadable, openPage } from './page.ts'

interface Message {
  type: string
  worker: number
  [more: string]: unknown
}

/** A client in a room, with the messages that it received. */
interface Visitor {
  worker: number
  bus: unknown
  received: Message[]
  /** Resolves with the next message of the type. */
  receives(type: string): Promise<Message>
  send(message: object): void
  enter(room: string): Promise<void>
  leave(): void
}

for (const [bus, args, skip] of [
  ['ipc', [], false],
  ['redis', ['--redis'], missing('redis-server')],
] as const) {
  t.test(`a message reaches the clients of its room on all workers, over ${bus}`, { skip }, async (t) => {
    const demo = await startDemo(t, 'ws', [...args])
    const [ann, ben] = await oneVisitorEach(t, demo.port)
    t.equal(ann.bus, bus)
    await ann.enter('harbour')
    const came = ann.receives('came')
    await ben.enter('harbour')
    t.match(await came, { type: 'came', worker: 1 })

    const both = [ann.receives('said'), ben.receives('said')]
    ben.send({ type: 'say', text: ' Low tide ' })
    for (const received of await Promise.all(both)) t.match(received, { text: 'Low tide', worker: 1 })
    t.notOk(
      ben.received.some(({ type, worker }) => type === 'came' && worker === 1),
      'a client gets no message about itself',
    )

    await ben.enter('market')
    for (const wrong of [{ type: 'say' }, { type: 'enter', room: '' }, { type: 'say', text: 'x'.repeat(501) }, []]) {
      ben.send(wrong)
    }
    ben.send({ type: 'say', text: 'Fresh fish' })
    await ben.receives('said')
    ann.send({ type: 'say', text: 'High tide' })
    await ann.receives('said')
    await ann.enter('market')
    ann.send({ type: 'say', text: 'How much?' })
    // The messages of one worker arrive in order.
    t.match(await ben.receives('said'), { text: 'How much?', worker: 0 })
    const texts = ben.received.filter(({ type }) => type === 'said').map(({ text }) => text)
    t.strictSame(texts, ['Low tide', 'Fresh fish', 'How much?'], 'the harbour is not received in the market')

    if (bus === 'ipc')
      await t.test('pages show the messages', { skip: missing(CHROMIUM) }, (t) => shows(t, demo.url, ben))
    for (const visitor of [ann, ben]) visitor.leave()
    await stopDemo(t, demo)
  })
}

async function shows(t: Test, url: string, visitor: Visitor): Promise<void> {
  const { page, complaints } = await openPage(await startBrowser(t), url)
  await page.waitForSelector('#log >> text="You are in lobby."')
  await visitor.enter('lobby')
  await page.waitForSelector('#log >> text="A client has come in, served by"')
  const said = visitor.receives('said')
  await page.fill('#text', 'Hello')
  await page.keyboard.press('Enter')
  t.match(await said, { text: 'Hello' })
  visitor.send({ type: 'say', text: 'Welcome' })
  await page.waitForSelector(`#log li:has-text("Welcome") .badge >> text="${visitor.worker}"`)
  await isReadable(t, page)
  t.strictSame(complaints, [])
}

async function oneVisitorEach(t: Test, port: number): Promise<[Visitor, Visitor]> {
  const found = new Map<number, Visitor>()
  for (let n = 1; found.size < 2; n++) {
    const visitor = await visit(t, port, loopback(n))
    if (found.has(visitor.worker)) visitor.leave()
    else found.set(visitor.worker, visitor)
  }
  return [found.get(0)!, found.get(1)!]
}

async function visit(t: Test, port: number, localAddress: string): Promise<Visitor> {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { localAddress })
  t.teardown(() => socket.terminate())
  const received: Message[] = []
  socket.on('message', (data: Buffer) => received.push(JSON.parse(data.toString()) as Message))
  const receives = (type: string): Promise<Message> =>
    new Promise((done) => {
      const listen = (data: Buffer) => {
        const message = JSON.parse(data.toString()) as Message
        if (message.type !== type) return
        socket.off('message', listen)
        done(message)
      }
      socket.on('message', listen)
    })
  const welcome = receives('welcome')
  await once(socket, 'open')
  const { worker, bus } = await welcome
  const send = (message: object) => socket.send(JSON.stringify(message))
  return {
    worker,
    bus,
    received,
    receives,
    send,
    async enter(room) {
      const entered = receives('entered')
      send({ type: 'enter', room })
      await entered
    },
    leave: () => socket.close(),
  }
}
