// The session rule that reads a cookie, and the attributes of the cookie (RFC 6265, with SameSite, Partitioned and the
// prefixes of names from its draft successor). Pure.

import type { IncomingHttpHeaders } from 'node:http'

/** A session rule that reads a cookie. All but `cookie` and `set` are attributes of the cookie that Holdfast sets. */
export interface CookieRule {
  /** The name of the cookie. */
  cookie: string
  /**
   * Which answers get the cookie.
   *
   * - `true`: those to requests without a session, and the 101 of a WebSocket. Answers that shared caches may keep
   *   (`Cache-Control: public`, `immutable` or `s-maxage`) and those with status 304 do not get it: a cache would give it
   *   to other clients.
   * - `'always'`: these too.
   * - `false`: none. The application sets the cookie, and its value is hashed.
   *
   * @default true
   */
  set?: boolean | 'always'
  /** The client sends the cookie to this path and those below it, as it sees them in front of proxies. @default '/' */
  path?: string
  /**
   * The client sends the cookie to this host and those below it.
   * @default undefined: only to the host that has set it
   * @example 'example.com'
   */
  domain?: string
  /**
   * Milliseconds after which the client forgets the cookie, at least 1,000. They begin with the answer that sets it.
   * @default undefined: at the end of the browser's session
   */
  maxAge?: number
  /** Whether scripts of the page cannot read the cookie. @default true */
  httpOnly?: boolean
  /** Whether the client sends the cookie with requests from other sites. `'none'` implies `secure`. @default 'lax' */
  sameSite?: 'lax' | 'strict' | 'none'
  /**
   * Whether the client sends the cookie over https only. `'auto'`: where the client's own connection is https. That is so
   * over TLS, and behind a trusted proxy that says so: by `X-Forwarded-Proto: https`, or in the header of the PROXY
   * protocol. Proxies are trusted if they are in `proxyProtocol.trust` or in `trust`.
   *
   * @default 'auto'; true with `sameSite: 'none'`, with `partitioned`, and with a name that begins with `__Secure-` or
   *   `__Host-`, because browsers refuse such cookies without it
   */
  secure?: boolean | 'auto'
  /** Whether the cookie is kept apart for each site in which a page of this host is embedded. @default false */
  partitioned?: boolean
  /**
   * Addresses and CIDR networks of proxies whose `X-Forwarded-Proto` counts, in addition to `proxyProtocol.trust`.
   * @default []
   * @example ['127.0.0.1', '10.0.0.0/8']
   */
  trust?: readonly string[]
}

/** Browsers refuse cookies with these names unless `secure` is set; those of the second also want no domain. */
const SECURE_NAME = /^__(?:secure|host)-/i
const HOST_NAME = /^__host-/i

/**
 * Why browsers refuse the cookie unless it has `Secure`.
 *
 * @returns undefined where they do not
 */
export function reasonForSecure({ cookie, sameSite, partitioned }: CookieRule): string | undefined {
  if (sameSite === 'none') return "browsers want it for sameSite: 'none'"
  if (partitioned === true) return 'browsers want it for partitioned'
  return SECURE_NAME.test(cookie) ? `browsers want it for a name that begins with '${prefixOf(cookie)}'` : undefined
}

/**
 * Why browsers want the path `/` and no domain.
 *
 * @returns undefined where they do not
 */
export function reasonForOneHost({ cookie }: CookieRule): string | undefined {
  return HOST_NAME.test(cookie) ? `browsers want it for a name that begins with '${prefixOf(cookie)}'` : undefined
}

function prefixOf(name: string): string {
  return name.slice(0, name.indexOf('-') + 1)
}

/**
 * The attributes of the cookie as `Set-Cookie` has them, behind the value.
 *
 * @param isSecure - whether the client's own connection is https; asked only where that decides
 */
export function cookieAttributes(rule: CookieRule, isSecure: () => boolean): string {
  const { path = '/', domain, maxAge, httpOnly = true, sameSite = 'lax', partitioned = false } = rule
  const secure = reasonForSecure(rule) === undefined ? (rule.secure ?? 'auto') : true
  return [
    `; Path=${path}`,
    domain === undefined ? '' : `; Domain=${domain}`,
    maxAge === undefined ? '' : `; Max-Age=${Math.floor(maxAge / 1_000)}`,
    httpOnly ? '; HttpOnly' : '',
    `; SameSite=${SAME_SITE[sameSite]}`,
    (secure === 'auto' ? isSecure() : secure) ? '; Secure' : '',
    partitioned ? '; Partitioned' : '',
  ].join('')
}

const SAME_SITE = { lax: 'Lax', strict: 'Strict', none: 'None' } as const

/** The part of an HTTP request that says whether it can have the cookie. */
export interface CookieRequest {
  method?: string | undefined
  headers: IncomingHttpHeaders
}

/**
 * Whether a client that has the cookie sends it with this request. Where it does not, a request without the cookie says
 * nothing about the client, and an answer with the cookie would replace the one that the client has. The path does not
 * count: a proxy may have changed it.
 */
export function wouldBeSent({ sameSite = 'lax' }: CookieRule, { method, headers }: CookieRequest): boolean {
  if (sameSite === 'none' || headers['sec-fetch-site'] !== 'cross-site') return true
  // Of other sites' requests only a link that opens the page sends a cookie with SameSite=Lax.
  const isLink = headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document'
  return sameSite === 'lax' && isLink && (method === 'GET' || method === 'HEAD')
}
