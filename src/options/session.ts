// Reads the option `session`.
import { BlockList } from 'node:net'
import { reasonForOneHost, reasonForSecure, type CookieRule } from '../affinity/cookie-rule.ts'
import { addNetwork } from './networks.ts'
import type { SessionRule } from '../affinity/session.ts'
import { Reader } from './reader.ts'

/** The names of headers and cookies (RFC 9110, section 5.6.2). */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/

/** Characters that an attribute of a cookie can have: printable ASCII, and no semicolon. */
const PATH = /^\/[ -:<-~]*$/
const DOMAIN = /^\.?[a-z\d](?:[a-z\d-]*[a-z\d])?(?:\.[a-z\d](?:[a-z\d-]*[a-z\d])?)*$/i

/** Milliseconds; the age of a cookie is in whole seconds. */
const SHORTEST_AGE = 1_000

/** Milliseconds of a day: an example of an age. */
const DAY = 86_400_000

/** @returns an empty list when the session layer is off */
export function readSession(read: Reader): readonly SessionRule[] {
  const given = read.raw('session')
  if (given === undefined) return []
  const rules: unknown[] = Array.isArray(given) ? given : [given]
  if (rules.length > 0) return Object.freeze(rules.map((rule) => readRule(read, rule)))
  throw wrongRule(read, given)
}

function readRule(read: Reader, rule: unknown): SessionRule {
  if (rule === 'socket.io') return rule
  if (typeof rule === 'function') return rule as Extract<SessionRule, (...args: never[]) => unknown>
  const { cookie, header } = typeof rule === 'object' && rule !== null ? (rule as Record<string, unknown>) : {}
  if (isName(cookie) && header === undefined) return readCookie(rule as object)
  if (isName(header) && Object.keys(rule as object).length === 1) return Object.freeze({ header })
  throw wrongRule(read, rule)
}

function wrongRule(read: Reader, got: unknown): Error {
  const expected = "'socket.io', { cookie: name }, { header: name }, a function, or an array of these"
  const write = "['socket.io', { cookie: 'worker' }], or leave session out"
  return read.wrong('session', TypeError, expected, write, got)
}

function isName(name: unknown): name is string {
  return typeof name === 'string' && TOKEN.test(name)
}

function readCookie(given: object): CookieRule {
  const read = new Reader('session', given)
  read.raw('cookie')
  const rule = given as CookieRule
  readChoice(read, 'set', [true, false, 'always'])
  readText(read, 'path', PATH, 'a path that begins with /, of printable ASCII without a semicolon', "'/'")
  readText(read, 'domain', DOMAIN, 'a host name', "'example.com'")
  if (rule.maxAge !== undefined) {
    read.integer('maxAge', { min: SHORTEST_AGE, max: Number.MAX_SAFE_INTEGER, fallback: DAY })
  }
  readChoice(read, 'httpOnly', [true, false])
  read.oneOf('sameSite', ['lax', 'strict', 'none'], 'lax')
  readChoice(read, 'secure', [true, false, 'auto'])
  readChoice(read, 'partitioned', [true, false])
  const trust = readTrust(read)
  read.raw('maxAge')
  read.done()
  checkTogether(read, rule)
  return Object.freeze({ ...rule, ...(trust === undefined ? {} : { trust }) })
}

/** Attributes that are right one by one, and with which no cookie is set, or none that browsers keep. */
function checkTogether(read: Reader, rule: CookieRule): void {
  if (rule.set === false) {
    const attribute = Object.entries(rule).find(
      ([name, value]) => value !== undefined && name !== 'cookie' && name !== 'set',
    )
    const reason = 'the application sets the cookie, with set: false'
    if (attribute !== undefined) throw refused(read, attribute[0], 'undefined', reason, attribute[1])
  }
  const forSecure = reasonForSecure(rule)
  if (forSecure !== undefined && rule.secure === false) throw refused(read, 'secure', 'true', forSecure, false)
  const forOneHost = reasonForOneHost(rule)
  if (forOneHost === undefined) return
  if (rule.domain !== undefined) throw refused(read, 'domain', 'undefined', forOneHost, rule.domain)
  if (rule.path !== undefined && rule.path !== '/') throw refused(read, 'path', "'/'", forOneHost, rule.path)
}

function refused(read: Reader, name: string, value: string, reason: string, got: unknown): Error {
  return read.wrong(name, RangeError, `${value}, because ${reason}`, value, got)
}

function readChoice(read: Reader, name: string, choices: readonly (boolean | string)[]): void {
  const value = read.raw(name)
  if (value === undefined || choices.includes(value as string)) return
  const texts = choices.map((choice) => (typeof choice === 'string' ? `'${choice}'` : String(choice)))
  const last = texts.at(-1) ?? ''
  throw read.wrong(name, TypeError, `${texts.slice(0, -1).join(', ')} or ${last}`, last, value)
}

function readText(read: Reader, name: string, pattern: RegExp, expected: string, example: string): void {
  const value = read.raw(name)
  if (value === undefined || (typeof value === 'string' && pattern.test(value))) return
  throw read.wrong(name, typeof value === 'string' ? RangeError : TypeError, expected, example, value)
}

function readTrust(read: Reader): readonly string[] | undefined {
  if (read.raw('trust') === undefined) return undefined
  const networks = read.strings('trust', [])
  const list = new BlockList()
  for (const network of networks) {
    if (addNetwork(list, network)) continue
    throw read.wrong('trust', RangeError, 'addresses and CIDR networks', "['127.0.0.1', '10.0.0.0/8']", network)
  }
  return networks
}
