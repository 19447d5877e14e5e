// Where Redis is, as an application says it: a URL, the path of a Unix socket, or options.
import { deserialize, serialize } from 'node:v8'
import { misuse, show } from '../options/reader.ts'
import type { RedisSource } from './client.ts'

/**
 * How to reach Redis where a URL does not say enough: options of ioredis as plain data (`host`, `port`, `password`,
 * `tls` ...). Holdfast opens the connections itself, because a publisher and a subscriber behave differently while
 * Redis is away.
 */
export interface RedisOptions {
  /** Nodes of a Redis Cluster; one is enough to find the others. The other options are ioredis' ClusterOptions then. */
  cluster?: readonly (string | { host?: string; port?: number })[]
  /** Sentinels; one is enough to find the others. `name` is needed as well. */
  sentinels?: readonly { host?: string; port?: number }[]
  /** The Sentinels' name for the master. */
  name?: string
  [option: string]: unknown
}

/** A URL (`redis://` or `rediss://`), the absolute path of a Unix socket, or options. */
export type RedisTarget = string | RedisOptions

/**
 * Packs a target for a message to another process, over any channel.
 *
 * @throws Error for a target with functions in it
 */
export function packTarget(target: RedisTarget): string {
  return serialize(target).toString('base64')
}

/** @throws Error for a text that packTarget() did not make */
export function unpackTarget(packed: string): RedisTarget {
  return deserialize(Buffer.from(packed, 'base64')) as RedisTarget
}

/** Whether the text is a URL of Redis or the absolute path of a Unix socket. */
export function isRedisUrl(text: string): boolean {
  return text.startsWith('/') || (/^rediss?:\/\//.test(text) && URL.canParse(text))
}

/**
 * The REDIS_URL environment variable; undefined where it is not set or empty.
 *
 * @throws TypeError with code HOLDFAST_BAD_OPTION where the variable is no URL of Redis
 */
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

/** A value for an error message: a text without its password, anything else unchanged. */
export function redacted(value: unknown): unknown {
  return typeof value === 'string' ? withoutPassword(value) : value
}

/** Everything before the last @ may be a password, also in a text that is no URL. */
export function withoutPassword(url: string): string {
  return url.replace(/^(\w+:\/\/)?.*@/s, '$1…@')
}

/** The target as openClient() takes it. */
export function sourceOf(target: RedisTarget): RedisSource {
  if (typeof target === 'string') return { url: target }
  const { cluster, ...options } = target
  return { cluster, options }
}
