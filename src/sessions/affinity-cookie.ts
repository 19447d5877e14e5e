// The cookie that names the worker which saw a client first.
import type { ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { SessionRule } from '../options/options.ts'
import { pairs } from './peer/forward-headers.ts'
import type { SetAffinityCookie } from '../serving/target.ts'

/** @returns does nothing where no rule asks for it */
export function affinityCookie(rules: readonly SessionRule[], value: () => string): SetAffinityCookie {
  const rule = rules.find((one) => typeof one === 'object' && 'cookie' in one && one.set !== false)
  if (typeof rule !== 'object' || !('cookie' in rule)) return () => {}
  const { cookie } = rule
  return ({ socket }, response) => {
    const secure = (socket as Partial<TLSSocket>).encrypted === true ? '; Secure' : ''
    addCookie(response, `${cookie}=${value()}; Path=/; HttpOnly; SameSite=Lax${secure}`)
  }
}

/** Beside whatever cookies the application sets, which would take its place otherwise. */
function addCookie(response: ServerResponse, cookie: string): void {
  const setHeader = response.setHeader.bind(response)
  setHeader('Set-Cookie', [cookie])
  response.setHeader = (name, value) => {
    if (!isCookie(name)) return setHeader(name, value)
    const others = (Array.isArray(value) ? value : [value]).map(String).filter((one) => one !== cookie)
    return setHeader(name, [cookie, ...others])
  }
  const writeHead = response.writeHead.bind(response) as WriteHead
  response.writeHead = (status: number, ...rest: unknown[]) => {
    const headers = rest.at(-1)
    if (typeof headers !== 'object' || headers === null) return writeHead(status, ...rest)
    return writeHead(status, ...rest.slice(0, -1), keepCookies(response, headers))
  }
}

type WriteHead = (status: number, ...rest: unknown[]) => ServerResponse

/** Sets the cookies by setHeader(): lists of headers, and those of HTTP/2, do not go there. @returns the other headers */
function keepCookies(response: ServerResponse, headers: object): object {
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
