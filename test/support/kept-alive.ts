// Clients that send all requests of a session on one connection.
import { once } from 'node:events'
import http from 'node:http'
import type net from 'node:net'
import type { Test } from 'tap'
import { sessionOf, type Away } from './away.ts'
import { dial, request, until, type Reply } from './clients.ts'

/** Ways to move a connection from one worker to the other. */
export const ways: [name: string, options: object, native: string][] = [
  ['hand-off over the best transport', { steering: 'handoff' }, '1'],
  ['hand-off over node-ipc', { steering: 'handoff' }, '0'],
  ['kernel steering', { steering: 'kernel' }, '1'],
]

/** A client that sends one request after the other on one connection. */
export function client(t: Test, { port, from }: Pick<Away, 'port' | 'from'>) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  const end = () => agent.destroy()
  t.teardown(end)
  const ports = new Set<number>()
  return {
    /** The client's ports, as the workers saw them. */
    ports,
    end,
    async ask(options: { path?: string; method?: string; headers?: object; body?: Buffer } = {}): Promise<Reply> {
      const headers = { ...sessionOf, ...options.headers }
      const reply = await request({ port, from, agent, ...options, headers })
      ports.add(reply.port)
      return reply
    },
  }
}

/** Number of connections that moved to another worker. */
export const moved = async ({ balancer }: Away) => (await balancer.status()).connections.moved

export function plainly(options: http.RequestOptions) {
  return answerTo(http.get(options))
}

export async function answerTo(sending: http.ClientRequest) {
  const [answer] = (await once(sending, 'response')) as [http.IncomingMessage]
  const cookie = answer.headers['set-cookie']?.[0]
  return { status: answer.statusCode, text: (await answer.toArray()).join(''), cookie }
}

/** Opens a session at the worker of the address. @returns its cookie */
export async function newSession(port: number, from: string): Promise<string> {
  const { cookie } = await plainly({ port, host: '127.0.0.1', localAddress: from, agent: false })
  return cookie!.split(';')[0]!
}

/** A raw connection that is with the session's worker, after three requests of the session. */
export async function followed(t: Test, { port, from }: Pick<Away, 'port' | 'from'>) {
  const socket = await dial(port, from)
  t.teardown(() => socket.destroy())
  const pids = readPids(socket)
  for (let n = 1; n <= 3; n++) {
    socket.write(get('u1'))
    await until('an answer', () => pids.length === n)
  }
  return { socket, pids }
}

/** Collects the pids in the answers of a raw connection, in order. */
export function readPids(socket: net.Socket): number[] {
  const pids: number[] = []
  let text = ''
  socket.on('error', () => {})
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    for (let found; (found = /"pid":(\d+)[^}]*}/.exec(text)); text = text.slice(found.index + found[0].length)) {
      pids.push(Number(found[1]))
    }
  })
  return pids
}

export const upgrade = (user: string) =>
  get(
    user,
    `Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\n`,
  )

/** An empty text frame of a WebSocket, masked with zeros. */
export const EMPTY_TEXT = Buffer.from([0x81, 0x80, 0, 0, 0, 0])

export const get = (user: string, more = '') => `GET / HTTP/1.1\r\nHost: a\r\nx-user: ${user}\r\n${more}\r\n`
