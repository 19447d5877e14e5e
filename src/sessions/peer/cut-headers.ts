// Requests with more headers than Node keeps: what the missing ones say of the body is not known.
import type { IncomingMessage } from 'node:http'

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
