// Reads the option `session`.
import type { SessionRule } from '../affinity/session.ts'
import type { Reader } from './reader.ts'

/** The names of headers and cookies (RFC 9110, section 5.6.2). */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/

/** @returns an empty list when the session layer is off */
export function readSession(read: Reader): readonly SessionRule[] {
  const given = read.raw('session')
  if (given === undefined) return []
  const rules: unknown[] = Array.isArray(given) ? given : [given]
  for (const rule of rules) {
    if (isRule(rule)) continue
    const expected = "'socket.io', { cookie: name }, { header: name }, a function, or an array of these"
    throw read.wrong('session', TypeError, expected, "['socket.io', { cookie: 'worker' }]", rule)
  }
  return Object.freeze(rules as SessionRule[])
}

function isRule(rule: unknown): rule is SessionRule {
  if (rule === 'socket.io' || typeof rule === 'function') return true
  if (typeof rule !== 'object' || rule === null) return false
  const { cookie, set = true, header, ...rest } = rule as Record<string, unknown>
  if (Object.keys(rest).length > 0 || (typeof set !== 'boolean' && set !== 'always')) return false
  const names = [cookie, header].filter((name) => name !== undefined)
  return names.length === 1 && typeof names[0] === 'string' && TOKEN.test(names[0]) && !(header && 'set' in rule)
}
