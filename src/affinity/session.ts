// The session of a request: which texts of the request name it, and which worker owns it. Pure.
import type { IncomingHttpHeaders } from 'node:http'

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
 *   `set: false` the application sets the cookie, and its value is hashed.
 * - `{ header: name }`: the value of a request header is hashed.
 * - `(request) => …`: a string is hashed, a number is a worker id, and `undefined` means that the request has no
 *   session. The function must not throw.
 */
export type SessionRule =
  | 'socket.io'
  | { cookie: string; set?: boolean }
  | { header: string }
  | ((request: SessionRequest) => string | number | undefined)

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

/** @returns undefined when the text names no session */
export function ownerIn(rule: SessionRule, text: string | number): SessionOwner | undefined {
  if (typeof text === 'number') return { type: 'worker', worker: text }
  if (rule === 'socket.io') return byIdentity(text)
  if (typeof rule === 'function' || 'header' in rule) return byKey(text)
  const value = cookieIn(text, rule.cookie)
  return rule.set === false ? byKey(value) : byIdentity(value)
}

function byKey(key: string | undefined): SessionOwner | undefined {
  return key === undefined || key === '' ? undefined : { type: 'key', key }
}

function byIdentity(text: string | undefined): SessionOwner | undefined {
  const bytes = text === undefined ? undefined : Buffer.from(text, 'base64url')
  if (bytes === undefined || bytes.length < IDENTITY_BYTES) return undefined
  return {
    type: 'process',
    identity: { worker: bytes.readUInt8(0), instance: bytes.readUIntBE(1, IDENTITY_BYTES - 1) },
  }
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
 * Looks up the lines of a header, until one names a session. It reads `rawHeaders`, because Node builds `headers` on
 * first use, at a tenth of the cost of a small request.
 */
function lookUpHeader<T, C>(
  { headers, rawHeaders }: SessionRequest & { rawHeaders?: readonly string[] },
  rule: Extract<SessionRule, object>,
  lookUp: Lookup<T, C>,
  context: C,
): T | undefined {
  const wanted = 'header' in rule ? rule.header.toLowerCase() : 'cookie'
  if (rawHeaders === undefined) {
    const value = headers[wanted]
    return lookUp(rule, (Array.isArray(value) ? value[0] : value) ?? '', context)
  }
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]
    if (name?.length !== wanted.length || name.toLowerCase() !== wanted) continue
    const found = lookUp(rule, String(rawHeaders[i + 1]), context)
    if (found !== undefined) return found
  }
  return undefined
}

function cookieIn(line: string, name: string): string | undefined {
  for (const pair of line.split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return undefined
}
