// The affinity cookie names the process that first answered a client, so that the client's next requests go there.
import type { ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { SessionRule } from '../options/options.ts'
import type { SetAffinityCookie } from '../serving/target.ts'
import { pairs } from './peer/forward-headers.ts'

/**
 * @param rules - the first `{ cookie }` rule without `set: false` names the cookie
 * @param createValue - returns the cookie's value, see `identityText`
 * @returns a function that adds the cookie to a response; it does nothing where no rule names a cookie
 */
export function affinityCookieSetter(rules: readonly SessionRule[], createValue: () => string): SetAffinityCookie {
  const rule = rules.find((each) => typeof each === 'object' && 'cookie' in each && each.set !== false)
  if (typeof rule !== 'object' || !('cookie' in rule)) return () => {}
  const { cookie } = rule
  return ({ socket }, response) => {
    const secure = (socket as Partial<TLSSocket>).encrypted === true ? '; Secure' : ''
    addCookie(response, `${cookie}=${createValue()}; Path=/; HttpOnly; SameSite=Lax${secure}`)
  }
}

/** Adds a cookie to those that the application sets later, which would replace it otherwise. */
function addCookie(response: ServerResponse, cookie: string): void {
  const setHeader = response.setHeader.bind(response)
  setHeader('Set-Cookie', [cookie])
  response.setHeader = (name, value) => {
    if (!isCookie(name)) return setHeader(name, value)
    const others = (Array.isArray(value) ? value : [value]).map(String).filter((each) => each !== cookie)
    return setHeader(name, [cookie, ...others])
  }
  const writeHead = response.writeHead.bind(response) as WriteHead
  response.writeHead = (status: number, ...rest: unknown[]) => {
    const headers = rest.at(-1)
    if (typeof headers !== 'object' || headers === null) return writeHead(status, ...rest)
    return writeHead(status, ...rest.slice(0, -1), setCookies(response, headers))
  }
}

type WriteHead = (status: number, ...rest: unknown[]) => ServerResponse

/**
 * Sets the cookies among the headers by `setHeader()`. Node does not do so for a list of headers, nor over HTTP/2.
 *
 * @param headers - an object, or a list of names and values in turns
 * @returns the headers that are no cookies, in the same form
 */
function setCookies(response: ServerResponse, headers: object): object {
  const isList = Array.isArray(headers)
  const all = isList ? pairs(headers as unknown[]) : Object.entries(headers)
  const cookies = all.filter(([name]) => isCookie(name)).flatMap(([, value]) => value as string | string[])
  if (cookies.length === 0) return headers
  response.setHeader('Set-Cookie', cookies)
  const others = all.filter(([name]) => !isCookie(name))
  return isList ? others.flat() : Object.fromEntries(others)
}

function isCookie(name: unknown): boolean {
  return String(name).toLowerCase() === 'set-cookie'
}
