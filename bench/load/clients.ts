// The clients of the load generator, on plain sockets. Cheap clients leave more CPU time to the servers.
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import type { SessionPlace } from './load.ts'

/** @param session - key of a session, see SESSION_HEADER in bench/servers/holdfast.ts */
function requestOf(session?: string): string {
  return `GET / HTTP/1.1\r\nHost: bench\r\n${sessionField(session)}\r\n`
}

function sessionField(session: string | undefined): string {
  return session === undefined ? '' : `X-Session: ${session}\r\n`
}
const BODY = /\r\n\r\nok +(\d+)$/

/** Called once, with the pid of the process that answered, or with the error. */
export type Answered = (pid: number, error?: Error) => void

/** Connects from the address, sends one request, and resets the connection after the answer. */
export function shortConnection(port: number, localAddress: string, answered: Answered, session?: string): void {
  const socket = connect({ port, host: '127.0.0.1', localAddress })
  let text = ''
  let over = false
  const end = (pid: number, error?: Error) => {
    if (over) return
    over = true
    // A reset leaves no socket in TIME_WAIT; a benchmark would soon have too many of them.
    socket.resetAndDestroy()
    answered(pid, error)
  }
  socket.on('error', (error) => end(0, error))
  socket.on('close', () => end(0, new Error(`closed after ${JSON.stringify(text.slice(0, 80))}`)))
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1')
    const pid = answerOf(text)
    if (pid !== undefined) end(pid)
  })
  socket.write(requestOf(session))
}

/** Finds the key of a session at the worker of the address, or at another worker. */
export async function sessionKey(port: number, localAddress: string, where: SessionPlace): Promise<string> {
  const ask = (session?: string): Promise<number> =>
    new Promise((done, fail) => {
      shortConnection(port, localAddress, (pid, error) => (error === undefined ? done(pid) : fail(error)), session)
    })
  const home = await ask()
  for (let n = 0; n < 1_000; n++) {
    const key = `${localAddress}-${n}`
    if (((await ask(key)) === home) === (where === 'home')) return key
  }
  throw new Error(`no session is ${where}: is there a session layer?`)
}

/** The same as {@link keptAlive}, after requests for two workers on the connection. */
export async function pooled(port: number, localAddress: string): Promise<Conversation> {
  const away = await sessionKey(port, localAddress, 'pooled')
  const conversation = keptAlive(port, localAddress, away)
  for (const session of [away, await sessionKey(port, localAddress, 'home')]) {
    await new Promise<void>((done, fail) =>
      conversation.ask((_, error) => (error === undefined ? done() : fail(error)), requestOf(session)),
    )
  }
  return conversation
}

/** A connection that sends one request after the other. */
export interface Conversation {
  /** Sends a request, one at a time. @param question - text of the request, if it is not the usual one */
  ask(answered: Answered, question?: string): void
  end(): void
}

export function keptAlive(port: number, localAddress: string, session?: string): Conversation {
  const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true })
  let text = ''
  return conversation(socket, requestOf(session), (chunk) => {
    text += chunk.toString('latin1')
    const pid = answerOf(text)
    if (pid !== undefined) text = ''
    return pid
  })
}

/** The same with the given requests in turn; any complete answer with status 200 is right. */
export function asking(port: number, localAddress: string, requests: readonly string[]): Conversation {
  const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true })
  let text = ''
  let asked = 0
  const talk = conversation(socket, '', (chunk) => {
    text += chunk.toString('latin1')
    const head = text.indexOf('\r\n\r\n')
    const length = /^content-length: *(\d+)/im.exec(text)?.[1]
    if (head < 0 || text.length < head + 4 + Number(length ?? 0)) return undefined
    const isRight = length !== undefined && text.startsWith('HTTP/1.1 200')
    text = ''
    return isRight ? 1 : 0
  })
  return { ...talk, ask: (answered) => talk.ask(answered, requests[asked++ % requests.length]) }
}

const MESSAGE = Buffer.from('thirty-two bytes there and back!')

/** A WebSocket that sends a message of 32 bytes and waits for its echo. Resolves when it is open. */
export function webSocket(port: number, localAddress: string, session?: string): Promise<Conversation> {
  return new Promise((opened, failed) => {
    const socket = connect({ port, host: '127.0.0.1', localAddress, noDelay: true })
    const key = randomBytes(16).toString('base64')
    socket.write(
      `GET / HTTP/1.1\r\nHost: bench\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
        `Sec-WebSocket-Key: ${key}\r\n${sessionField(session)}\r\n`,
    )
    socket.once('error', failed)
    socket.once('data', (chunk) => {
      if (!chunk.toString('latin1').startsWith('HTTP/1.1 101'))
        return failed(new Error(`no upgrade: ${chunk.toString('latin1')}`))
      socket.off('error', failed)
      let received = 0
      opened(
        conversation(socket, maskedFrame(MESSAGE), (echo) => {
          received += echo.length
          if (received < MESSAGE.length + 2) return undefined
          received = 0
          return echo.subarray(-MESSAGE.length).equals(MESSAGE) ? 1 : 0
        }),
      )
    })
  })
}

/** @param read - the answer's process id, undefined while it is incomplete, 0 when it is wrong */
function conversation(socket: Socket, question: string | Buffer, read: (chunk: Buffer) => number | undefined) {
  let waiting: Answered | undefined
  const answer: Answered = (pid, error) => {
    const answered = waiting
    waiting = undefined
    answered?.(pid, error)
  }
  socket.on('error', (error) => answer(0, error))
  socket.on('close', () => answer(0, new Error('closed')))
  socket.on('data', (chunk) => {
    const pid = read(chunk)
    if (pid !== undefined) answer(pid, pid === 0 ? new Error('wrong answer') : undefined)
  })
  return {
    ask(answered: Answered, another: string | Buffer = question) {
      waiting = answered
      if (socket.destroyed) answer(0, new Error('closed'))
      else socket.write(another)
    },
    end: () => void socket.resetAndDestroy(),
  }
}

/** undefined while the response is incomplete, 0 when it is wrong. Its body always has the same length. */
function answerOf(text: string): number | undefined {
  const head = text.indexOf('\r\n\r\n')
  if (head < 0 || text.length < head + 15) return undefined
  return text.startsWith('HTTP/1.1 200') ? Number(BODY.exec(text)?.[1] ?? 0) : 0
}

/** A text message as a client sends it; RFC 6455, section 5.2. The mask is zero: it costs the server the same. */
export function maskedFrame(text: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), text])
}
