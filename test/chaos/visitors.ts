// Clients that send requests again and again, and record the details of each failure.
import http from 'node:http'
import { WebSocket } from 'ws'
import type { Reply } from '../support/clients.ts'
import type { Failure } from './judge.ts'

/** Milliseconds within which every request must end; well above the sum of the balancer's timeouts. */
export const LIMIT = 12_000

export interface Visitor {
  readonly from: string
  /** @throws Failed */
  visit(): Promise<Reply>
  leave(): void
}

/** A request failed; with all that its client knew. */
export class Failed extends Error {
  readonly failure: Failure

  constructor(failure: Failure) {
    super(failure.message)
    this.failure = failure
  }
}

/** A client that opens a new connection for each request. */
export function shortVisitor(port: number, from: string): Visitor {
  return { from, visit: () => ask({ port, from, client: 'short' }), leave() {} }
}

/**
 * Requests per connection. Without a limit, connections would stay for ever at the workers to which they once moved.
 */
const REQUESTS_PER_CONNECTION = 20

/** A client that keeps one connection for as long as the server does. */
export function keptVisitor(port: number, from: string): Visitor {
  const open = () => new http.Agent({ keepAlive: true, maxSockets: 1 })
  let agent = open()
  let visits = 0
  return {
    from,
    visit() {
      if (++visits % REQUESTS_PER_CONNECTION === 0) {
        agent.destroy()
        agent = open()
      }
      return ask({ port, from, client: 'kept', agent })
    },
    leave: () => agent.destroy(),
  }
}

/** A client with a WebSocket, which connects again after the close code "service restart". */
export function talkingVisitor(port: number, from: string): Visitor {
  let line: Line | undefined
  let visits = 0
  return {
    from,
    async visit() {
      if (++visits % REQUESTS_PER_CONNECTION === 0) {
        line?.socket.close()
        line = undefined
      }
      for (;;) {
        const current = (line ??= await open(port, from))
        // The WebSocket is kept only if it answers.
        line = undefined
        const reply = await say(current)
        if (reply === undefined) continue
        line = current
        return reply
      }
    },
    leave: () => line?.socket.terminate(),
  }
}

interface Question {
  port: number
  from: string
  client?: Failure['client']
  path?: string
  agent?: http.Agent
}

/** Pid of the process that serves a kept connection. */
const servedBy = new WeakMap<object, number>()

/** Sends one request, on a new connection without an agent. @throws Failed */
export function ask({ port, from, client = 'control', path = '/', agent }: Question): Promise<Reply> {
  const began = performance.now()
  return new Promise((done, fail) => {
    const signal = AbortSignal.timeout(LIMIT)
    const place = { port, path, host: '127.0.0.1', localAddress: from }
    const request = http.get({ ...place, agent: agent ?? false, signal })
    const failed = (error: Error): void => {
      const pid = request.socket === null ? undefined : servedBy.get(request.socket)
      fail(new Failed({ from, client, began, pid, how: howOf(error), message: error.message }))
    }
    request.on('error', failed)
    request.on('response', (response) => {
      const { socket } = response
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('error', failed)
      response.on('end', () => {
        const reply = JSON.parse(text) as Reply
        servedBy.set(socket, reply.pid)
        done(reply)
      })
    })
  })
}

function howOf(error: Error & { code?: string }): Failure['how'] {
  if (error.code === 'ECONNREFUSED') return 'refused'
  return error.name === 'AbortError' || /timed out/.test(error.message) ? 'hung' : 'broken'
}

interface Line {
  readonly from: string
  readonly began: number
  readonly socket: WebSocket
  readonly closed: Promise<number>
  /** Pid of the process; known from the first answer on. */
  pid?: number
}

function open(port: number, from: string): Promise<Line> {
  const began = performance.now()
  return new Promise((done, fail) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { localAddress: from, handshakeTimeout: LIMIT })
    const closed = new Promise<number>((end) => socket.once('close', end))
    socket.on('open', () => done({ from, began, socket, closed }))
    socket.on('error', (error) => {
      const { message } = error
      fail(new Failed({ from, client: 'websocket', began, pid: undefined, how: howOf(error), message }))
    })
  })
}

/** Close code "service restart" (RFC 6455, 7.4.1, and its registry): the client should connect again. */
const SERVICE_RESTART = 1012

/** Sends a message. @returns the answer; undefined if the server closed with "service restart". @throws Failed */
async function say(line: Line): Promise<Reply | undefined> {
  const { socket, from, pid } = line
  // Before the first answer the process is unknown, so the time of the connection counts.
  const began = pid === undefined ? line.began : performance.now()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<'late'>((done) => (timer = setTimeout(done, LIMIT, 'late')))
  const answered = new Promise<Buffer>((done) => socket.once('message', done))
  if (socket.readyState === WebSocket.OPEN) socket.send('?')
  const outcome = await Promise.race([answered, line.closed, late])
  clearTimeout(timer)
  if (outcome === SERVICE_RESTART) return undefined
  if (Buffer.isBuffer(outcome)) {
    const reply = JSON.parse(outcome.toString()) as Reply
    line.pid = reply.pid
    return reply
  }
  socket.terminate()
  const [how, message] =
    outcome === 'late' ? (['hung', 'no answer'] as const) : (['broken', `closed with ${outcome}`] as const)
  throw new Failed({ from, client: 'websocket', began, pid, how, message })
}
