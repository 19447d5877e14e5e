// Adds a cookie to a response at the moment in which its head is made. Only then its status and its other headers are
// certain, in whichever way the application sets them, and no later call can replace the cookie.
import { ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { HeaderValues } from './shared-cache.ts'

/**
 * Decides about the cookie when the head of the response is made.
 *
 * @returns the value of the `Set-Cookie` header; undefined: no cookie
 */
export type ChooseCookie = (status: number, valuesOf: HeaderValues) => string | undefined

/** Headers as Node takes them: an object, names and values in turns, or pairs of them. */
type Headers = Record<string, unknown> | readonly unknown[]

/** Responses that have their function already. An application may emit 'request' once more for a response. */
const prepared = new WeakSet<object>()

export function addCookie(response: ServerResponse, choose: ChooseCookie): void {
  if (prepared.has(response)) return
  prepared.add(response)
  if ('stream' in response) addOverHttp2((response as unknown as Http2ServerResponse).stream, choose)
  else addOverHttp1(response, choose)
}

/**
 * Node's `_storeHeader()` makes the head of every response, the same in Node 20 to 26. The application may replace
 * `writeHead()`, or call that of the prototype.
 *
 * With headers that were set by `setHeader()`, all headers are on the response; otherwise `writeHead()` has brought all.
 */
function addOverHttp1(response: ServerResponse, choose: ChooseCookie): void {
  const storeHeader = Reflect.get(response, '_storeHeader') as (firstLine: string, headers?: Headers | null) => void
  Reflect.set(response, '_storeHeader', (firstLine: string, given?: Headers | null) => {
    const { prototype } = ServerResponse
    const valuesOnResponse = (name: string): string[] => texts(prototype.getHeader.call(response, name))
    const areOnResponse = prototype.getHeaderNames.call(response).length > 0
    const headers = given ?? {}
    const cookie = choose(response.statusCode, (name) =>
      areOnResponse ? valuesOnResponse(name) : valuesOf(headers, name),
    )
    if (cookie === undefined) return storeHeader.call(response, firstLine, given)
    if (!areOnResponse) return storeHeader.call(response, firstLine, withCookie(headers, cookie))
    prototype.setHeader.call(response, 'Set-Cookie', [...valuesOnResponse('set-cookie'), cookie])
    return storeHeader.call(response, firstLine, given)
  })
}

/** The methods of an HTTP/2 stream that send the head of the answer, and which argument of each has the headers. */
const RESPOND = [
  ['respond', 0],
  ['respondWithFD', 1],
  ['respondWithFile', 1],
] as const

function addOverHttp2(stream: Http2ServerResponse['stream'], choose: ChooseCookie): void {
  for (const [method, at] of RESPOND) {
    const respond = Reflect.get(stream, method) as (...args: unknown[]) => void
    Reflect.set(stream, method, (...args: unknown[]) => {
      const headers = (args[at] ?? {}) as Headers
      const [status = '200'] = valuesOf(headers, ':status')
      const cookie = choose(Number(status), (name) => valuesOf(headers, name))
      if (cookie !== undefined) args[at] = withCookie(headers, cookie)
      return respond.apply(stream, args)
    })
  }
}

function valuesOf(headers: Headers, wanted: string): string[] {
  const found = entriesOf(headers).filter(([name]) => String(name).toLowerCase() === wanted)
  return found.flatMap(([, value]) => texts(value))
}

/** @param value - of a header: one value, a list of them, or none */
function texts(value: unknown): string[] {
  return [value]
    .flat()
    .filter((each) => each !== undefined)
    .map(String)
}

function entriesOf(headers: Headers): (readonly [name: unknown, value: unknown])[] {
  if (!isList(headers)) return Object.entries(headers)
  if (Array.isArray(headers[0])) return headers as [unknown, unknown][]
  return headers.flatMap((name, i) => (i % 2 === 0 ? [[name, headers[i + 1]] as const] : []))
}

/** @returns the same headers with one more cookie, in the same form; the given ones are the application's */
function withCookie(headers: Headers, cookie: string): Headers {
  if (isList(headers))
    return [...headers, ...(Array.isArray(headers[0]) ? [['Set-Cookie', cookie]] : ['Set-Cookie', cookie])]
  const name = Object.keys(headers).findLast((each) => each.toLowerCase() === 'set-cookie')
  if (name === undefined) return { ...headers, 'Set-Cookie': cookie }
  return { ...headers, [name]: [...[headers[name]].flat(), cookie] }
}

function isList(headers: Headers): headers is readonly unknown[] {
  return Array.isArray(headers)
}
