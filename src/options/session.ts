// Reads the option `session`.
import type { SessionRule } from '../affinity/session.ts'
import type { Reader } from './reader.ts'

/** The names of headers and cookies (RFC 9110, section 5.6.2). */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/

/** @returns an empty list when the session layer is off */
export function readSession(read: Reader): readonly SessionRule[] {
  const given = read.raw('session')
  if (given === undefined) return []
  const rules: unknown[] = Array.isArray(given) ? [...given] : [given]
  if (rules.length > 0 && rules.every(isRule)) return Object.freeze(rules)
  const expected = "'socket.io', { cookie: name }, { header: name }, a function, or an array of these"
  const write = "['socket.io', { cookie: 'worker' }], or leave session out"
  throw read.wrong('session', TypeError, expected, write, rules.find((rule) => !isRule(rule)) ?? given)
}

function isRule(rule: unknown): rule is SessionRule {
  if (rule === 'socket.io' || typeof rule === 'function') return true
  if (typeof rule !== 'object' || rule === null) return false
  const { cookie, set = true, header, ...rest } = rule as Record<string, unknown>
  if (Object.keys(rest).length > 0 || typeof set !== 'boolean') return false
  const names = [cookie, header].filter((name) => name !== undefined)
  return names.length === 1 && typeof names[0] === 'string' && TOKEN.test(names[0]) && !(header && 'set' in rule)
}
