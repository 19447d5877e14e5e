import t from 'tap'
import { isRedisUrl, withoutPassword } from '../../src/redis/target.ts'

t.test('a target is a URL or the path of a Unix socket', async (t) => {
  for (const url of ['redis://127.0.0.1:6379', 'rediss://me:secret@a/1', 'redis://[::1]:6379', '/run/redis.sock']) {
    t.ok(isRedisUrl(url), url)
  }
  for (const url of ['nonsense', 'localhost:6379', 'http://a', 'redis://a:99999', '']) {
    t.notOk(isRedisUrl(url), url)
  }
})

t.test('a text is shown without its password, also when it is no URL', async (t) => {
  for (const url of [
    'redis://:secret@a:99999',
    'redis://me:secret@a',
    'redis://:secret/secret@a:6379',
    'redis://:secret@secret@a',
    'me:secret@a:6379',
    ':secret@a',
  ]) {
    t.notMatch(withoutPassword(url), /secret/, url)
    t.match(withoutPassword(url), /@a/)
  }
  t.equal(withoutPassword('redis://a:99999'), 'redis://a:99999')
})
