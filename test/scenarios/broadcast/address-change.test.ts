// A phone changes from one network to another: the same session, from another address.
import { once } from 'node:events'
import { Agent } from 'node:http'
import type { TcpSocketConnectOpts } from 'node:net'
import { io, type Socket } from 'socket.io-client'
import t from 'tap'
import { startBalancer, type Balancer } from '../../support/balancer.ts'
import { loopback } from '../../support/clients.ts'

/** An agent that connects from the address that was set last. */
class Phone extends Agent {
  address: string
  /** Addresses that were used. */
  readonly used = new Set<string>()

  constructor(address: string) {
    super({ keepAlive: false })
    this.address = address
  }

  override createConnection(options: TcpSocketConnectOpts, ...rest: never[]) {
    this.used.add(this.address)
    return super.createConnection({ ...options, localAddress: this.address }, ...rest)
  }
}

interface Client {
  socket: Socket
  pid: number
  disconnects: string[]
}

t.test('a polling session goes on from other addresses, and so does an upgrade', async (t) => {
  const balancer = await startBalancer(t, { fixture: 'socket-io-app', options: { workers: 3 } })
  const addresses = await oneOfEach(balancer)
  const phone = new Phone(addresses[0]!)
  const { socket, pid, disconnects } = await connect(t, balancer, phone, { transports: ['polling'] })
  const { id } = socket
  for (let n = 0; n < 12; n++) {
    phone.address = addresses[n % 3]!
    t.equal(await ask(socket), `::ffff:${addresses[0]}`, 'the address of the handshake')
  }
  t.equal(phone.used.size, 3)
  t.equal(socket.id, id)

  const otherPhone = new Phone(addresses[0]!)
  const other = await connect(t, balancer, otherPhone, { transports: ['polling', 'websocket'] }, () => {
    otherPhone.address = addresses[1]!
  })
  if (other.socket.io.engine.transport.name !== 'websocket') await once(other.socket.io.engine as never, 'upgrade')
  t.equal(other.pid, await balancer.pid((await balancer.explain(addresses[0]!)).worker))
  await ask(other.socket)
  t.ok(otherPhone.used.has(addresses[1]!), 'the WebSocket came from another address')
  const { connections } = await balancer.status()
  t.ok(connections.moved > 0, 'its connection moved to the worker of the session')
  t.strictSame([...disconnects, ...other.disconnects], [])
  t.equal(pid, other.pid)
})

t.test('a WebSocket that reconnects from another address reaches its worker by the session rule', async (t) => {
  const balancer = await startBalancer(t, {
    fixture: 'socket-io-app',
    options: { workers: 3, session: { header: 'x-user' } },
  })
  const addresses = await oneOfEach(balancer)
  const phone = new Phone(addresses[0]!)
  const { socket, pid } = await connect(t, balancer, phone, {
    transports: ['websocket'],
    extraHeaders: { 'x-user': 'u1' },
    reconnectionDelay: 1,
  })
  for (const address of addresses) {
    phone.address = address
    const back = once(socket as never, 'hello')
    // The network is lost.
    const { ws } = socket.io.engine.transport as unknown as { ws: { terminate(): void } }
    ws.terminate()
    t.equal((await back)[0], pid)
    t.match(await ask(socket), new RegExp(`${address}$`))
  }
})

/** Three addresses, each with another worker. */
async function oneOfEach(balancer: Balancer): Promise<string[]> {
  const found: string[] = []
  for (let n = 1; found.filter(Boolean).length < 3; n++) {
    const { worker } = await balancer.explain(loopback(n))
    found[worker] ??= loopback(n)
  }
  return found
}

async function connect(
  t: { teardown(end: () => void): unknown },
  { port }: Pick<Balancer, 'port'>,
  agent: Phone,
  options: Parameters<typeof io>[1] & object,
  opened: () => void = () => {},
): Promise<Client> {
  const socket = io(`http://127.0.0.1:${port}`, { forceNew: true, agent: agent as never, ...options })
  t.teardown(() => socket.disconnect())
  const disconnects: string[] = []
  socket.on('disconnect', (reason) => disconnects.push(reason))
  socket.io.once('open', opened)
  const [pid] = (await once(socket as never, 'hello')) as [number]
  return { socket, pid, disconnects }
}

function ask(socket: Socket): Promise<string> {
  return socket.timeout(5_000).emitWithAck('address') as Promise<string>
}
