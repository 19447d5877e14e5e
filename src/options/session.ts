// The session rules, checked.
import type { Reader } from './reader.ts'
import type { SessionRule } from './options.ts'

/** RFC 9110: what names of headers and cookies are made of. */
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/

/** @returns none where it is off */
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
  if (Object.keys(rest).length > 0 || typeof set !== 'boolean') return false
  const names = [cookie, header].filter((name) => name !== undefined)
  return names.length === 1 && typeof names[0] === 'string' && TOKEN.test(names[0]) && !(header && 'set' in rule)
}
