// Which Redis the workers find in REDIS_URL: one of the demo's own, somebody else's, or none.
import { redisBus } from 'holdfast/broadcast'
import { startPrivateRedis } from './private-redis.ts'

/**
 * @param own - start one
 * @param ended - what it means for the demo when that one ends
 * @returns its URL, 'private' for our own, undefined where there is none
 * @throws TypeError with code HOLDFAST_BAD_OPTION where REDIS_URL cannot be one
 */
export async function settleRedis(own: boolean, ended: string): Promise<string | undefined> {
  if (own) {
    process.env['REDIS_URL'] = (await startPrivateRedis(ended)).path
    return 'private'
  }
  const url = process.env['REDIS_URL'] || undefined
  // It looks at the URL, and connects only when it is used.
  if (url !== undefined) await redisBus().close()
  return url
}
