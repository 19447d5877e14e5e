// What a tab wishes for, in the query of Socket.IO's requests: a worker, or any, as long as it is always the same one.
import type { SessionRequest } from 'holdfast'

/**
 * A session rule. The first request of a session decides; after that the session's own id does.
 *
 * @returns the worker of `worker=2`, the key of `session=abc`; undefined where the tab leaves it to the balancer
 */
export function wish({ url = '' }: SessionRequest): number | string | undefined {
  // Only Socket.IO's requests: the page is the same everywhere.
  if (!url.includes('EIO=')) return undefined
  const query = new URLSearchParams(url.slice(url.indexOf('?') + 1))
  const worker = query.get('worker') ?? ''
  if (/^\d{1,3}$/.test(worker)) return Number(worker)
  const session = query.get('session') ?? ''
  return /^[\w-]{1,64}$/.test(session) ? session : undefined
}
