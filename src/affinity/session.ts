// The session of a request: which texts of the request name it, and which worker owns it. Pure.
import type { IncomingHttpHeaders } from 'node:http'
import type { CookieRule } from './cookie-rule.ts'

/** The part of an HTTP request that a session rule sees. */
export interface SessionRequest {
  url?: string | undefined
  headers: IncomingHttpHeaders
}

/**
 * How to recognise the session of a request. All requests of one session go to one worker.
 *
 * - `'socket.io'`: the session of Socket.IO. Its id names the worker. `attachSocketIO` adds this rule by itself.
 * - `{ cookie: name }`: a cookie that Holdfast sets. It names the worker that served the client's first request. With
 *   `set: false` the application sets the cookie, and its value is hashed. See {@link CookieRule}.
 * - `{ header: name }`: the value of a request header is hashed.
 * - `(request) => …`: a string is hashed, a number is a worker id, and `undefined` means that the request has no
 *   session. The function must not throw.
 */
export type SessionRule =
  'socket.io' | CookieRule | { header: string } | ((request: SessionRequest) => string | number | undefined)

/** The owner of a session: the process that created it, the worker of a hashed key, or a worker by its id. */
export type SessionOwner =
  { type: 'process'; identity: ProcessIdentity } | { type: 'key'; key: string } | { type: 'worker'; worker: number }

/** Identifies one process among all that ever served, including earlier processes of the same worker. */
export interface ProcessIdentity {
  /** 0..255 */
  worker: number
  /** 24 random bits. */
  instance: number
}

/** [worker u8][instance u24]. In a session id, random bytes follow, so that the id cannot be guessed. */
const IDENTITY_BYTES = 4

/**
 * Random bytes in a session id. Together with the identity they are 15 bytes: 20 characters, as many as in Engine.IO's
 * own ids.
 */
export const SID_RANDOM = 11

/** Lengths in base64url characters. */
const SID_LENGTH = 20
const IDENTITY_LENGTH = 6

/** An identity as text. Servers may put cookie values in quotes (RFC 6265, 4.1.1), and some proxies do. */
const IDENTITY_TEXT = /^("?)([\w-]{6})\1$/

/** @returns the value of the affinity cookie, 6 characters */
export function identityText({ worker, instance }: ProcessIdentity): string {
  return identityBytes(worker, instance).toString('base64url')
}

/**
 * A session id of Socket.IO that names its process.
 *
 * @param random - {@link SID_RANDOM} bytes
 */
export function sessionId({ worker, instance }: ProcessIdentity, random: Buffer): string {
  return Buffer.concat([identityBytes(worker, instance), random]).toString('base64url')
}

/**
 * Finds the owner of the session that a text names. Depending on the rule the text is the identity part of a session
 * id, the value of the named header, a line of cookies, or the result of the user's function.
 */
export type Lookup<T, C> = (rule: SessionRule, text: string | number, context: C) => T | undefined

/**
 * Applies the rules one after the other, until a lookup finds something.
 *
 * @param lookUp - {@link ownerIn}, or a function that remembers its results
 * @param context - passed on to `lookUp`
 * @returns undefined when the request has no session
 */
export function firstFound<T, C>(
  request: SessionRequest,
  rules: readonly SessionRule[],
  lookUp: Lookup<T, C | undefined>,
  context?: C,
): T | undefined {
  for (const rule of rules) {
    const found = applyRule(request, rule, lookUp, context)
    if (found !== undefined) return found
  }
  return undefined
}

function applyRule<T, C>(request: SessionRequest, rule: SessionRule, lookUp: Lookup<T, C>, context: C): T | undefined {
  if (typeof rule === 'object') return lookUpHeader(request, rule, lookUp, context)
  const text = rule === 'socket.io' ? identityInUrl(request.url) : rule(request)
  return text === undefined ? undefined : lookUp(rule, text, context)
}

/**
 * A client may send several cookies of one name, for example after `domain` or `path` was changed, and the oldest one comes
 * first. So a cookie that cannot be read, or that names an ended process, hides no cookie behind it.
 *
 * @param isAlive - whether a process still runs
 * @returns undefined when the text names no session
 */
export function ownerIn(
  rule: SessionRule,
  text: string | number,
  isAlive: (identity: ProcessIdentity) => boolean = () => true,
): SessionOwner | undefined {
  if (typeof text === 'number') return { type: 'worker', worker: text }
  if (rule === 'socket.io') return byProcess(identityIn(text))
  if (typeof rule === 'function' || 'header' in rule) return byKey(text)
  const values = cookiesIn(text, rule.cookie)
  if (rule.set === false) return byKey(values.find((value) => value !== ''))
  const identities = values.map(identityIn).filter((identity) => identity !== undefined)
  return byProcess(identities.find(isAlive) ?? identities[0])
}

function byKey(key: string | undefined): SessionOwner | undefined {
  return key === undefined || key === '' ? undefined : { type: 'key', key }
}

function byProcess(identity: ProcessIdentity | undefined): SessionOwner | undefined {
  return identity && { type: 'process', identity }
}

/** @returns undefined when {@link identityText} has not made the text */
function identityIn(text: string): ProcessIdentity | undefined {
  const [, , encoded] = IDENTITY_TEXT.exec(text) ?? []
  if (encoded === undefined) return undefined
  const bytes = Buffer.from(encoded, 'base64url')
  return { worker: bytes.readUInt8(0), instance: bytes.readUIntBE(1, IDENTITY_BYTES - 1) }
}

function identityBytes(worker: number, instance: number): Buffer {
  const bytes = Buffer.alloc(IDENTITY_BYTES)
  bytes.writeUInt8(worker, 0)
  bytes.writeUIntBE(instance, 1, IDENTITY_BYTES - 1)
  return bytes
}

/**
 * The process identity in the session id of an Engine.IO request. The path of Engine.IO is configurable, so the request
 * is recognised by its parameters `sid` and `EIO`, which no client percent-encodes. URLSearchParams or a RegExp would
 * cost more than the rest of the lookup.
 */
function identityInUrl(url = ''): string | undefined {
  // Most requests have no `sid=` and skip the loop.
  for (let at = url.indexOf('sid='); at > 0; at = url.indexOf('sid=', at + 1)) {
    const id = at + 'sid='.length
    if (isParameter(url, at, id, id + SID_LENGTH))
      return hasEioParameter(url) ? url.slice(id, id + IDENTITY_LENGTH) : undefined
  }
  return undefined
}

/** Whether a query parameter has its name at `name` and its value from `value` to `end`. */
function isParameter(url: string, name: number, value: number, end: number): boolean {
  const before = url[name - 1]
  if (before !== '&' && before !== '?') return false
  return (url.length === end || url[end] === '&') && !url.slice(value, end).includes('&')
}

function hasEioParameter(url: string): boolean {
  return url.includes('?EIO=') || url.includes('&EIO=')
}

/**
 * Looks up the lines of a header, until one names a session. The lines of cookies are looked up as one. It reads
 * `rawHeaders`, because Node builds `headers` on first use, at a tenth of the cost of a small request.
 */
function lookUpHeader<T, C>(
  { headers, rawHeaders }: SessionRequest & { rawHeaders?: readonly string[] },
  rule: Extract<SessionRule, object>,
  lookUp: Lookup<T, C>,
  context: C,
): T | undefined {
  const wanted = 'header' in rule ? rule.header.toLowerCase() : 'cookie'
  if (rawHeaders === undefined) {
    for (const value of [headers[wanted] ?? ''].flat()) {
      const found = lookUp(rule, value, context)
      if (found !== undefined) return found
    }
    return undefined
  }
  let cookies: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]
    if (name?.length !== wanted.length || name.toLowerCase() !== wanted) continue
    const line = String(rawHeaders[i + 1])
    if ('cookie' in rule) {
      cookies = cookies === undefined ? line : `${cookies}; ${line}`
      continue
    }
    const found = lookUp(rule, line, context)
    if (found !== undefined) return found
  }
  return cookies === undefined ? undefined : lookUp(rule, cookies, context)
}

/** @returns the values of all cookies of the name, in their order */
function cookiesIn(line: string, name: string): string[] {
  const values: string[] = []
  for (const pair of line.split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === name) values.push(pair.slice(at + 1).trim())
  }
  return values
}
