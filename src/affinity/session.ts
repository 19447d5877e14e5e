// Whose session is a request's? Pure: what the request says, and where that leads.
import type { SessionRequest, SessionRule } from '../options.ts'

/** What a session leads to: the process that made it, a key to hash as an address is hashed, or a worker by its id. */
export type SessionOwner =
  { type: 'process'; mark: ProcessMark } | { type: 'key'; key: string } | { type: 'worker'; worker: number }

/** Tells one process from all that ever served, also from those before it under the same id. */
export interface ProcessMark {
  /** 0..255 */
  worker: number
  /** Random, 24 bits. */
  instance: number
}

/** [worker u8][instance u24], then what makes a session id unguessable. */
const MARK = 4

/** Random bytes in a session id: with the mark 15, which is 20 characters, as Engine.IO's own ids are. */
export const SID_RANDOM = 11

const SID = /^[\w-]{20}$/

/** As a cookie's value: 6 characters. */
export function markText({ worker, instance }: ProcessMark): string {
  return markBytes(worker, instance).toString('base64url')
}

/** @param random - {@link SID_RANDOM} bytes */
export function sessionId({ worker, instance }: ProcessMark, random: Buffer): string {
  return Buffer.concat([markBytes(worker, instance), random]).toString('base64url')
}

/**
 * Who owns the session that the request belongs to.
 *
 * @param rules - the first that finds anything counts
 * @returns undefined where it belongs to none
 */
export function sessionOwner(request: SessionRequest, rules: readonly SessionRule[]): SessionOwner | undefined {
  for (const rule of rules) {
    const owner = ownerBy(request, rule)
    if (owner !== undefined) return owner
  }
  return undefined
}

function ownerBy(request: SessionRequest, rule: SessionRule): SessionOwner | undefined {
  if (rule === 'socket.io') return byMark(engineSid(request.url))
  if (typeof rule === 'function') return byAnswer(rule(request))
  if ('header' in rule) return byKey(headerOf(request, rule.header, (value) => value))
  const value = headerOf(request, 'cookie', (line) => cookie(line, rule.cookie))
  return rule.set === false ? byKey(value) : byMark(value)
}

function byAnswer(answer: unknown): SessionOwner | undefined {
  return typeof answer === 'number' ? { type: 'worker', worker: answer } : byKey(answer)
}

function byKey(key: unknown): SessionOwner | undefined {
  return typeof key === 'string' && key !== '' ? { type: 'key', key } : undefined
}

function byMark(text: string | undefined): SessionOwner | undefined {
  const bytes = text === undefined ? undefined : Buffer.from(text, 'base64url')
  if (bytes === undefined || bytes.length < MARK) return undefined
  return { type: 'process', mark: { worker: bytes.readUInt8(0), instance: bytes.readUIntBE(1, MARK - 1) } }
}

function markBytes(worker: number, instance: number): Buffer {
  const bytes = Buffer.alloc(MARK)
  bytes.writeUInt8(worker, 0)
  bytes.writeUIntBE(instance, 1, MARK - 1)
  return bytes
}

/** Engine.IO's session id: its path can be set to anything, so it is known by the parameter that comes with it. */
function engineSid(url = ''): string | undefined {
  // Most requests end here.
  if (!url.includes('sid=')) return undefined
  const query = new URLSearchParams(url.slice(url.indexOf('?') + 1))
  const sid = query.get('sid')
  return sid !== null && query.has('EIO') && SID.test(sid) ? sid : undefined
}

/**
 * The first header line of that name that `read` finds something in. Node makes the object of all headers only when somebody
 * asks for it, which costs a tenth of a small request: so this looks at the lines as they came.
 */
function headerOf(
  { headers, rawHeaders }: SessionRequest & { rawHeaders?: readonly string[] },
  name: string,
  read: (value: string) => string | undefined,
): string | undefined {
  const wanted = name.toLowerCase()
  if (rawHeaders === undefined) {
    const value = headers[wanted]
    return read((Array.isArray(value) ? value[0] : value) ?? '')
  }
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const given = rawHeaders[i]
    if (given?.length !== wanted.length || given.toLowerCase() !== wanted) continue
    const found = read(String(rawHeaders[i + 1]))
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
