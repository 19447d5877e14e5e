// Whether an answer is meant for caches that many clients share. Its headers say so (RFC 9111, 5.2.2; RFC 9213). Pure.

/** Returns the values of a header by its name in lower case; none where the answer does not have it. */
export type HeaderValues = (name: string) => readonly string[]

/** Headers for shared caches alone, so that `max-age` in them is meant for these too. */
const TARGETED = ['cdn-cache-control', 'surrogate-control']

/** Directives of `Cache-Control` that let a shared cache keep an answer, whatever the request was. */
const SHARED = ['public', 'immutable', 's-maxage']

/** `name`, `name=value` or `name="value"`. */
const DIRECTIVE = /([^\s,;="]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,;"]*)))?/g

/** Whether a shared cache may give the answer, with its cookies, to other clients. */
export function isForSharedCaches(valuesOf: HeaderValues): boolean {
  if (allows(valuesOf('cache-control'), SHARED)) return true
  return TARGETED.some((name) => allows(valuesOf(name), [...SHARED, 'max-age']))
}

/** @param directives - one of them is needed; those that keep the answer or its cookies out of shared caches win */
function allows(values: readonly string[], directives: readonly string[]): boolean {
  if (values.length === 0) return false
  let isAllowed = false
  for (const [, name = '', quoted, plain] of values.join(',').matchAll(DIRECTIVE)) {
    const directive = name.toLowerCase()
    const fields = quoted ?? plain
    if (directive === 'no-store' || (directive === 'private' && fields === undefined)) return false
    // With field names these two are only about the fields.
    if ((directive === 'private' || directive === 'no-cache') && namesCookies(fields)) return false
    isAllowed ||= directives.includes(directive)
  }
  return isAllowed
}

function namesCookies(fields = ''): boolean {
  const names = fields.toLowerCase().split(',')
  return names.some((name) => name.trim() === 'set-cookie')
}
