// The address of a Redis as text: an option, or REDIS_URL.
import { misuse, show } from '../options/reader.ts'

/** Also the path of a Unix socket. */
export function isRedisUrl(text: string): boolean {
  return text.startsWith('/') || (/^rediss?:\/\//.test(text) && URL.canParse(text))
}

/** @throws TypeError with code HOLDFAST_BAD_OPTION where it can not be one */
export function redisOfEnvironment(): string | undefined {
  const url = process.env['REDIS_URL'] || undefined
  if (url === undefined || isRedisUrl(url)) return url
  const expected = 'a URL that starts with redis://'
  const example = 'REDIS_URL=redis://127.0.0.1:6379'
  throw misuse(
    TypeError,
    `environment variable REDIS_URL: expected ${expected}, got ${show(withoutPassword(url))}; write ${example}`,
  )
}

/** What was given instead of a URL, for the error that says so. */
export function shown(value: unknown): unknown {
  return typeof value === 'string' ? withoutPassword(value) : value
}

/** What is before the last @ may be one, also where it is no URL. */
export function withoutPassword(url: string): string {
  return url.replace(/^(\w+:\/\/)?.*@/s, '$1…@')
}
