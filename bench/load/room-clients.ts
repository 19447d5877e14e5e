// WebSocket clients in rooms of two, on plain sockets: each receives the messages of the other. The clients use the
// protocol of servers/rooms.ts or that of Socket.IO.
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { maskedFrame } from './clients.ts'

export type Dialect = 'ws' | 'socket.io'

/** An event with one argument, as text on the wire. */
interface Words {
  path: string
  encode(event: string, argument: string): string
  /** Decodes a message; undefined: the message is no event of the bench. */
  decode(text: string): [event: string, argument: string] | undefined
  /** The answer that a message needs at once, such as a pong. */
  answer(text: string): string | undefined
}

const WORDS: Record<Dialect, Words> = {
  ws: {
    path: '/',
    encode: (event, argument) => `${event} ${argument}`,
    decode(text) {
      const space = text.indexOf(' ')
      return [text.slice(0, space), text.slice(space + 1)]
    },
    answer: () => undefined,
  },
  // Engine.IO 4: 0 open, 2 ping, 3 pong, 4 message; Socket.IO 5: 40 connect, 42 event.
  'socket.io': {
    path: '/socket.io/?EIO=4&transport=websocket',
    encode: (event, argument) => `42["${event}","${argument}"]`,
    decode: (text) => (text.startsWith('42') ? (JSON.parse(text.slice(2)) as [string, string]) : undefined),
    answer: (text) => (text.startsWith('0') ? '40' : text === '2' ? '3' : undefined),
  },
}

export class RoomClient {
  /** Pid of the client's worker. */
  readonly pid: Promise<number>
  onsaid: (text: string) => void = () => {}
  onfailed: (error: Error) => void = () => {}
  readonly #words: Words
  readonly #socket: Socket
  #rest: Buffer = Buffer.alloc(0)
  #isOpen = false
  #hello = { done: (_: number): void => {}, failed: (_: Error): void => {} }
  #joined = (): void => {}

  constructor(port: number, localAddress: string, dialect: Dialect) {
    this.#words = WORDS[dialect]
    this.pid = new Promise((done, failed) => Object.assign(this.#hello, { done, failed }))
    const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true })
    this.#socket = socket
    socket.on('error', (error) => this.#failed(error))
    socket.on('close', () => this.#failed(new Error('closed')))
    socket.on('data', (chunk) => this.#read(chunk))
    socket.write(
      `GET ${this.#words.path} HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
    )
  }

  join(room: string): Promise<void> {
    return new Promise((done) => {
      this.#joined = done
      this.#send(this.#words.encode('join', room))
    })
  }

  say(text: string): void {
    this.#send(this.#words.encode('say', text))
  }

  end(): void {
    this.#socket.resetAndDestroy()
  }

  #send(text: string): void {
    this.#socket.write(maskedFrame(Buffer.from(text)))
  }

  #failed(error: Error): void {
    this.#hello.failed(error)
    this.onfailed(error)
  }

  #read(chunk: Buffer): void {
    let bytes: Buffer = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    if (!this.#isOpen) {
      const end = bytes.indexOf('\r\n\r\n')
      if (end < 0) return void (this.#rest = bytes)
      const head = bytes.toString('latin1', 0, end)
      if (!head.startsWith('HTTP/1.1 101')) return this.#failed(new Error(`no upgrade: ${head}`))
      this.#isOpen = true
      bytes = bytes.subarray(end + 4)
    }
    // All of these servers send text of at most 65,535 bytes, in one frame each.
    for (;;) {
      const short = (bytes[1] ?? 0) & 0x7f
      const header = short === 126 ? 4 : 2
      if (bytes.length < header) break
      const end = header + (short === 126 ? bytes.readUInt16BE(2) : short)
      if (bytes.length < end) break
      this.#hear(bytes.toString('utf8', header, end))
      bytes = bytes.subarray(end)
    }
    this.#rest = bytes
  }

  #hear(text: string): void {
    const answer = this.#words.answer(text)
    if (answer !== undefined) return this.#send(answer)
    const [event, argument] = this.#words.decode(text) ?? []
    if (event === 'hello') this.#hello.done(Number(argument))
    if (event === 'joined') this.#joined()
    if (event === 'said') this.onsaid(argument ?? '')
  }
}

/** Makes pairs of clients; with several workers, the two clients of a pair are on different workers. */
export async function pairs(clients: readonly RoomClient[]): Promise<[RoomClient, RoomClient][]> {
  const byPid = new Map<number, RoomClient[]>()
  for (const client of clients) {
    const pid = await client.pid
    byPid.set(pid, [...(byPid.get(pid) ?? []), client])
  }
  if (byPid.size === 1)
    return clients.flatMap((one, i) => (i % 2 === 0 && clients[i + 1] ? [[one, clients[i + 1]!]] : []))
  const found: [RoomClient, RoomClient][] = []
  for (;;) {
    const [most = [], next = []] = [...byPid.values()].sort((a, b) => b.length - a.length)
    const one = most.pop()
    const other = next.pop()
    if (one === undefined || other === undefined) return found
    found.push([one, other])
  }
}
