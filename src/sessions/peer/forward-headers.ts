// The headers of requests and answers on their way between two workers. Headers of one connection stay behind, and a
// request over HTTP gets a header about its client.
import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { Socket } from 'node:net'
import { CLIENT_INFO, encodeClientInfo } from './client-info.ts'

/** Headers that belong to one connection and not to the message (RFC 9110, 7.6.1). */
export const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'te',
])

/**
 * The headers of an HTTP/2 request as HTTP/1.1 has them, with the client info.
 *
 * @param expects - whether the application decides about `Expect: 100-continue`; otherwise Node has answered it
 * @returns names and values in turns
 */
export function http2RequestHeaders(request: IncomingMessage, expects: boolean): string[] {
  const { headers, rawHeaders, stream } = request as IncomingMessage & Pick<Http2ServerRequest, 'stream'>
  const fields = rawHeaders.filter((_, i) => !rawHeaders[i - (i % 2)]?.startsWith(':'))
  const host = headers.host === undefined ? ['host', String(headers[':authority'] ?? '')] : []
  const hasUnknownLength = headers['content-length'] === undefined && !stream.endAfterHeaders
  const encoding = hasUnknownLength ? ['transfer-encoding', 'chunked'] : []
  const all = [...fields, ...host, ...encoding]
  return withClientInfo(expects ? all : withoutName(all, 'expect'), request.socket)
}

/**
 * The headers of an upgrade, those of its connection too, with the client info.
 *
 * @returns names and values in turns
 */
export function upgradeHeaders({ rawHeaders }: IncomingMessage, socket: Socket): string[] {
  return withClientInfo(rawHeaders, socket)
}

/** Replaces the header where the client has sent one itself. Header values are Latin-1, hence the encoding. */
function withClientInfo(rawHeaders: readonly string[], socket: Socket): string[] {
  return [...withoutName(rawHeaders, CLIENT_INFO), CLIENT_INFO, encodeURIComponent(encodeClientInfo(socket))]
}

/**
 * The headers that belong to the message and not to the connection.
 *
 * @param rawHeaders - names and values in turns
 * @param connection - the value of the `Connection` header, which may name more headers of the connection
 */
export function endToEnd(rawHeaders: readonly string[], connection = ''): string[] {
  const named = connection.toLowerCase().split(',')
  const listed = new Set(named.map((name) => name.trim()))
  return rawHeaders.filter((_, i) => {
    const name = rawHeaders[i - (i % 2)]?.toLowerCase() ?? ''
    return !HOP_BY_HOP.has(name) && !listed.has(name)
  })
}

function withoutName(rawHeaders: readonly string[], unwanted: string): string[] {
  return rawHeaders.filter((_, i) => rawHeaders[i - (i % 2)]?.toLowerCase() !== unwanted)
}

/** @param raw - names and values in turns */
export function pairs<T>(raw: readonly T[]): [name: T, value: T][] {
  return Array.from({ length: raw.length >> 1 }, (_, i) => [raw[2 * i] as T, raw[2 * i + 1] as T])
}

/** Whether headers of the request may be missing. Node before 26 keeps about 1,000 and drops the rest without a word. */
export function isCut({ rawHeaders, socket }: IncomingMessage): boolean {
  // Counts names and values.
  const most: unknown = Reflect.get(Object(Reflect.get(socket, 'parser')), 'maxHeaderPairs')
  return typeof most === 'number' && most > 0 && rawHeaders.length >= most
}

/** Whether a body follows, as far as the headers say. A request with cut headers may have one. */
export function mayHaveBody(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
  return length !== undefined || encoding !== undefined || isCut(request)
}

/** Whether the request can be sent twice: it only reads, and has no body of which a part was sent already. */
export function isRepeatable(request: IncomingMessage): boolean {
  return (request.method === 'GET' || request.method === 'HEAD') && !mayHaveBody(request)
}
