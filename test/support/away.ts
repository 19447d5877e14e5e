// Requests whose session is at another worker than their connection.
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import { json } from 'node:stream/consumers'
import type { Test } from 'tap'
import { WebSocket } from 'ws'
import { startBalancer, type Balancer, type BalancerOptions } from './balancer.ts'
import { loopback, type Reply } from './clients.ts'

/** Headers of a request of the session. */
export const sessionOf = { 'x-user': 'u1' }

export interface Away {
  balancer: Balancer
  port: number
  /** A client address whose connections go to the worker without the session. */
  from: string
  /** Pid of the worker that has the session. */
  owner: number
}

export async function away(t: Test, setup: BalancerOptions = {}): Promise<Away> {
  const options = { workers: 2, session: { header: 'x-user' }, ...setup.options }
  const balancer = await startBalancer(t, { ...setup, options })
  const { port } = balancer
  // The hash of the key decides between worker 0 and 1; the answer names the owner.
  const { pid: owner, worker } = await visit(balancer, loopback(1), setup.kind)
  let n = 1
  while ((await balancer.explain(loopback(n))).worker === worker) n++
  return { balancer, port, from: loopback(n), owner }
}

export async function visit({ port }: Balancer, from: string, kind = 'http', path = '/'): Promise<Reply> {
  if (kind === 'http2') {
    const session = http2.connect(`https://127.0.0.1:${port}`, {
      rejectUnauthorized: false,
      localAddress: from,
    } as object)
    const reply = (await json(session.request(sessionOf))) as Reply
    session.close()
    return reply
  }
  const sending = (kind === 'https' || kind === 'wss' ? https : http).get({
    port,
    path,
    host: '127.0.0.1',
    localAddress: from,
    headers: sessionOf,
    rejectUnauthorized: false,
    agent: false,
  } as object)
  const [response] = (await once(sending, 'response')) as [IncomingMessage]
  return (await json(response)) as Reply
}

export function send(
  { port, from }: Away,
  options: http.RequestOptions & { secure?: boolean },
): { sending: http.ClientRequest; answered: Promise<IncomingMessage> } {
  const { secure = false, ...more } = options
  const sending = (secure ? https : http).request({
    port,
    host: '127.0.0.1',
    localAddress: from,
    agent: false,
    rejectUnauthorized: false,
    ...more,
    headers: { ...sessionOf, ...(more.headers as object) },
  } as object)
  const answered = once(sending, 'response').then(([response]) => response as IncomingMessage)
  answered.catch(() => {}) // the caller handles the rejection
  return { sending, answered }
}

/** Opens an HTTP/2 session from the address; it ends with the test. */
export function openSession(t: Test, { port, from }: Pick<Away, 'port' | 'from'>): http2.ClientHttp2Session {
  const options = { rejectUnauthorized: false, localAddress: from } as object
  const session = http2.connect(`https://127.0.0.1:${port}`, options)
  t.teardown(() => session.close())
  return session
}

/** Opens a WebSocket of the session over TLS. */
export async function openWebSocket({ port, from }: Away, more: Record<string, string> = {}): Promise<WebSocket> {
  const headers = { ...sessionOf, ...more }
  const socket = new WebSocket(`wss://127.0.0.1:${port}`, { localAddress: from, headers, rejectUnauthorized: false })
  await once(socket, 'open')
  return socket
}
