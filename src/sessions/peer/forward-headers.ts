// The headers of a request or an answer on their way between two workers: what is of one connection stays behind, and a
// request tells of its client.
import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { Socket } from 'node:net'
import { CLIENT_INFO, encodeClientInfo } from './client-info.ts'

/** Of one connection, not of the message (RFC 9110, 7.6.1). */
export const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
  'te',
])

/**
 * The headers of an HTTP/2 request as HTTP/1.1 has them, with those of the client.
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
  return introduced(expects ? all : withoutName(all, 'expect'), request.socket)
}

/** Of an upgrade: what is of its connection goes along. */
export function upgradeHeaders({ rawHeaders }: IncomingMessage, socket: Socket): string[] {
  return introduced(rawHeaders, socket)
}

/** A client that sends our header too would speak for itself at the door. Header values are Latin-1. */
function introduced(rawHeaders: readonly string[], socket: Socket): string[] {
  return [...withoutName(rawHeaders, CLIENT_INFO), CLIENT_INFO, encodeURIComponent(encodeClientInfo(socket))]
}

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

export function pairs<T>(raw: readonly T[]): [T, T][] {
  return Array.from({ length: raw.length >> 1 }, (_, i) => [raw[2 * i] as T, raw[2 * i + 1] as T])
}

/** Whether some of its headers may be missing: of very many Node before 26 drops the last ones, and says nothing. */
export function isCut({ rawHeaders, socket }: IncomingMessage): boolean {
  // Of names and values.
  const most: unknown = Reflect.get(Object(Reflect.get(socket, 'parser')), 'maxHeaderPairs')
  return typeof most === 'number' && most > 0 && rawHeaders.length >= most
}

/** Whether a body follows, as far as its headers tell; where some may be missing, one may. */
export function mayHaveBody(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
  return length !== undefined || encoding !== undefined || isCut(request)
}

/** Whether the request can be sent twice: it only reads, and has no body of which a part was sent already. */
export function isRepeatable(request: IncomingMessage): boolean {
  return (request.method === 'GET' || request.method === 'HEAD') && !mayHaveBody(request)
}
