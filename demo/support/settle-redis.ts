// Decides which Redis the workers find in REDIS_URL: a private one, the one that is set already, or none.
import { redisBus } from 'holdfast/broadcast'
import { startPrivateRedis } from './private-redis.ts'

/**
 * @param own - start a private Redis
 * @param ended - text for the terminal: what is different after the private Redis has ended
 * @returns the URL, 'private' for the private Redis, undefined without Redis
 * @throws TypeError with code HOLDFAST_BAD_OPTION if REDIS_URL is not a URL of Redis
 */
export async function settleRedis(own: boolean, ended: string): Promise<string | undefined> {
  if (own) {
    process.env['REDIS_URL'] = (await startPrivateRedis(ended)).path
    return 'private'
  }
  const url = process.env['REDIS_URL'] || undefined
  // redisBus() checks the URL at once, and connects only when it is used.
  if (url !== undefined) await redisBus().close()
  return url
}
