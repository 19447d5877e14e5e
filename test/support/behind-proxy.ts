// Clients that send a PROXY protocol header first, and a balancer that trusts them.
import type net from 'node:net'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { startBalancer, type Balancer, type BalancerOptions } from './balancer.ts'
import type { Reply } from './clients.ts'
import type { From } from './proxy-headers.ts'

export const get = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

/** Starts a balancer with two workers, unless `more` sets another number. */
export function startTrusting(t: Test, proxyProtocol: object, more: BalancerOptions): Promise<Balancer> {
  return startBalancer(t, { ...more, options: { workers: 2, proxyProtocol: trusted(proxyProtocol), ...more.options } })
}

export function trusted(more: object) {
  return { trust: ['127.0.0.0/8'], ...more }
}

/** A client address and port; each number gives another one. */
export function client(n: number): From {
  return { address: n < 250 ? `203.0.113.${n}` : `198.51.${Math.floor(n / 250)}.${n % 250}`, port: 1_024 + n }
}

/** Sends the header, or the rest of it, and one request. @returns the application's answer */
export async function answer(socket: net.Socket, header: Buffer): Promise<Reply> {
  socket.write(Buffer.concat([header, Buffer.from(get)]))
  return parsed(await text(socket))
}

export function parsed(response: string): Reply {
  return JSON.parse(response.slice(response.indexOf('{'), response.lastIndexOf('}') + 1)) as Reply
}
