// Reads the worker or the session that a tab asks for in the query of Socket.IO's requests.
import type { SessionRequest } from 'holdfast'

/**
 * A session rule. It decides for the first request of a session; the session's id decides for the later ones.
 *
 * @returns the worker of `worker=2`, the key of `session=abc`; undefined where the tab leaves it to the balancer
 */
export function wish({ url = '' }: SessionRequest): number | string | undefined {
  // The rule is for Socket.IO's requests only; all workers serve the same page.
  if (!url.includes('EIO=')) return undefined
  const query = new URLSearchParams(url.slice(url.indexOf('?') + 1))
  const worker = query.get('worker') ?? ''
  if (/^\d{1,3}$/.test(worker)) return Number(worker)
  const session = query.get('session') ?? ''
  return /^[\w-]{1,64}$/.test(session) ? session : undefined
}
