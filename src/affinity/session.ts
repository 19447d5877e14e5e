// Whose session is a request's? Pure: what the request says, and where that leads.
import type { IncomingHttpHeaders } from 'node:http'

/** What a session rule may look at: an HTTP request. */
export interface SessionRequest {
  url?: string | undefined
  headers: IncomingHttpHeaders
}

/**
 * What tells that requests belong together, whatever connection and address they come from.
 *
 * - `'socket.io'`: the session of Socket.IO (Engine.IO), whose id names its worker. `attachSocketIO` switches it on.
 * - `{ cookie }`: a cookie of that name, set by Holdfast, that names the worker which saw the client first. With
 *   `set: false` it is the application's own, and is hashed.
 * - `{ header }`: a request header, hashed.
 * - a function: the text that it returns is hashed, a number is the id of the worker itself, and `undefined` is for a
 *   request of no session. It must not throw.
 */
export type SessionRule =
  | 'socket.io'
  | { cookie: string; set?: boolean }
  | { header: string }
  | ((request: SessionRequest) => string | number | undefined)

/** What a session leads to: the process that made it, a key to hash as an address is hashed, or a worker by its id. */
export type SessionOwner =
  { type: 'process'; identity: ProcessIdentity } | { type: 'key'; key: string } | { type: 'worker'; worker: number }

/** Tells one process from all that ever served, also from those before it under the same id. */
export interface ProcessIdentity {
  /** 0..255 */
  worker: number
  /** Random, 24 bits. */
  instance: number
}

/** [worker u8][instance u24], then what makes a session id unguessable. */
const IDENTITY_BYTES = 4

/** Random bytes in a session id: with the identity 15, which is 20 characters, as Engine.IO's own ids are. */
export const SID_RANDOM = 11

/** Characters in base64url. */
const SID_LENGTH = 20
const IDENTITY_LENGTH = 6

/** As a cookie's value: 6 characters. */
export function identityText({ worker, instance }: ProcessIdentity): string {
  return identityBytes(worker, instance).toString('base64url')
}

/** @param random - {@link SID_RANDOM} bytes */
export function sessionId({ worker, instance }: ProcessIdentity, random: Buffer): string {
  return Buffer.concat([identityBytes(worker, instance), random]).toString('base64url')
}

/** What the text leads to that the rule looks at: the identity in a session id, a header, a line of cookies, an answer. */
export type Look<T, C> = (rule: SessionRule, text: string | number, context: C) => T | undefined

/**
 * Whose the request is, by what its texts lead to: {@link ownerIn}, or somebody who remembers what it said.
 *
 * @param rules - the first one counts of which a text leads somewhere
 * @param context - for `look`
 * @returns undefined where it belongs to no session
 */
export function firstFound<T, C>(
  request: SessionRequest,
  rules: readonly SessionRule[],
  look: Look<T, C | undefined>,
  context?: C,
): T | undefined {
  for (const rule of rules) {
    const found = foundBy(request, rule, look, context)
    if (found !== undefined) return found
  }
  return undefined
}

function foundBy<T, C>(request: SessionRequest, rule: SessionRule, look: Look<T, C>, context: C): T | undefined {
  if (typeof rule === 'object') return inHeader(request, rule, look, context)
  const text = rule === 'socket.io' ? engineIdentity(request.url) : rule(request)
  return text === undefined ? undefined : look(rule, text, context)
}

export function ownerIn(rule: SessionRule, text: string | number): SessionOwner | undefined {
  if (typeof text === 'number') return { type: 'worker', worker: text }
  if (rule === 'socket.io') return byIdentity(text)
  if (typeof rule === 'function' || 'header' in rule) return byKey(text)
  const value = cookie(text, rule.cookie)
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
 * The process identity in Engine.IO's session id. Its path can be set to anything, so the id is known by the parameter that comes
 * with it; no client encodes either of them. Not URLSearchParams nor a RegExp: they would cost more than all the rest.
 */
function engineIdentity(url = ''): string | undefined {
  // Most requests end here.
  for (let at = url.indexOf('sid='); at > 0; at = url.indexOf('sid=', at + 1)) {
    const id = at + 'sid='.length
    if (isParameter(url, at, id, id + SID_LENGTH)) return hasEio(url) ? url.slice(id, id + IDENTITY_LENGTH) : undefined
  }
  return undefined
}

/** Whether one parameter of a query begins at `name` and has its value from `value` to `end`. */
function isParameter(url: string, name: number, value: number, end: number): boolean {
  const before = url[name - 1]
  if (before !== '&' && before !== '?') return false
  return (url.length === end || url[end] === '&') && !url.slice(value, end).includes('&')
}

function hasEio(url: string): boolean {
  return url.includes('?EIO=') || url.includes('&EIO=')
}

/**
 * Looks at the header's lines until one leads somewhere. Node makes the object of all headers only when somebody asks for
 * it, which costs a tenth of a small request: so this looks at the lines as they came.
 */
function inHeader<T, C>(
  { headers, rawHeaders }: SessionRequest & { rawHeaders?: readonly string[] },
  rule: Extract<SessionRule, object>,
  look: Look<T, C>,
  context: C,
): T | undefined {
  const wanted = 'header' in rule ? rule.header.toLowerCase() : 'cookie'
  if (rawHeaders === undefined) {
    const value = headers[wanted]
    return look(rule, (Array.isArray(value) ? value[0] : value) ?? '', context)
  }
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]
    if (name?.length !== wanted.length || name.toLowerCase() !== wanted) continue
    const found = look(rule, String(rawHeaders[i + 1]), context)
    if (found !== undefined) return found
  }
  return undefined
}

function cookie(line: string, name: string): string | undefined {
  for (const pair of line.split(';')) {
    const at = pair.indexOf('=')
    if (at > 0 && pair.slice(0, at).trim() === name) return pair.slice(at + 1).trim()
  }
  return undefined
}
