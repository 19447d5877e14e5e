// The affinity cookie names the process that first answered a client, so that the client's next requests go there.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { cookieAttributes, wouldBeSent, type CookieRule } from '../affinity/cookie-rule.ts'
import { listOf } from '../options/networks.ts'
import type { SessionRule } from '../affinity/session.ts'
import type { Logger } from '../logger.ts'
import { isSecure } from './client-scheme.ts'
import { addToHandshake } from './handshake-cookie.ts'
import { addCookie } from './response-cookie.ts'
import { isForSharedCaches } from './shared-cache.ts'

/** Marks the answers to requests of no session. */
export interface AffinityCookie {
  addToResponse(request: IncomingMessage, response: ServerResponse): void
  /** Adds the cookie to the 101 of an upgrade, whichever library writes it. */
  addToHandshake(request: IncomingMessage, socket: Socket): void
}

export interface AffinityCookieOptions {
  /** Returns the cookie's value, see `identityText`. */
  createValue: () => string
  /** Whether all connections come from trusted proxies, because others are refused: with the PROXY protocol. */
  areProxiesTrusted: boolean
  logger: Pick<Logger, 'warn'>
}

const NOT_MODIFIED = 304
const SWITCHING_PROTOCOLS = 101

/**
 * @param rules - the first `{ cookie }` rule without `set: false` names the cookie
 * @returns functions that do nothing where no rule names a cookie
 */
export function affinityCookie(
  rules: readonly SessionRule[],
  { createValue, areProxiesTrusted, logger }: AffinityCookieOptions,
): AffinityCookie {
  const rule = rules.find(isSetHere)
  if (rule === undefined) return { addToResponse() {}, addToHandshake() {} }
  const name = rule.cookie
  let isLogged = false

  /** Whether the application sets a cookie of this name itself. Of two the client would keep the last one. */
  const isTaken = (cookies: readonly string[]): boolean => {
    const taken = cookies.find((cookie) => cookie.trimStart().startsWith(`${name}=`))
    if (taken === undefined) return false
    // Without a value it removes the cookie, which is all right.
    if (!isLogged && !/^[^=]+=(?:"")?\s*(?:;|$)/.test(taken)) {
      isLogged = true
      const hint =
        'the application sets a cookie of this name; choose another one for the session rule, or add set: false'
      logger.warn('session.cookie-taken', { cookie: name, hint })
    }
    return true
  }
  const trusted = areProxiesTrusted ? 'all' : listOf(rule.trust ?? [])
  const cookieFor = (request: IncomingMessage): string =>
    `${name}=${createValue()}${cookieAttributes(rule, () => isSecure(request, trusted))}`
  return {
    addToResponse(request, response) {
      if (!wouldBeSent(rule, request)) return
      const cookie = cookieFor(request)
      addCookie(response, (status, valuesOf) => {
        const isInterim = status < 200 && status !== SWITCHING_PROTOCOLS
        if (isInterim || isTaken(valuesOf('set-cookie'))) return undefined
        if (rule.set === 'always') return cookie
        return status === NOT_MODIFIED || isForSharedCaches(valuesOf) ? undefined : cookie
      })
    },
    addToHandshake(request, socket) {
      if (!wouldBeSent(rule, request)) return
      const cookie = cookieFor(request)
      addToHandshake(socket, (behind) => (isTaken(cookiesInHead(behind)) ? undefined : `Set-Cookie: ${cookie}`))
    },
  }
}

function isSetHere(rule: SessionRule): rule is CookieRule {
  return typeof rule === 'object' && 'cookie' in rule && rule.set !== false
}

/** @param text - header lines, and perhaps what follows the head */
function cookiesInHead(text: string): string[] {
  const lines = text.split('\r\n')
  const end = lines.indexOf('')
  const names = /^set-cookie:/i
  return (end < 0 ? lines : lines.slice(0, end))
    .filter((line) => names.test(line))
    .map((line) => line.replace(names, ''))
}
