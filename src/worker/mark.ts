// The cookie that names the worker which saw a client first.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TLSSocket } from 'node:tls'
import type { SessionRule } from '../options.ts'

/** @returns marks an answer; does nothing where no rule asks for it */
export function marker(
  rules: readonly SessionRule[],
  value: () => string,
): (request: IncomingMessage, response: ServerResponse) => void {
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
    if (name.toLowerCase() !== 'set-cookie') return setHeader(name, value)
    const others = (Array.isArray(value) ? value : [value]).map(String).filter((one) => one !== cookie)
    return setHeader(name, [cookie, ...others])
  }
}
