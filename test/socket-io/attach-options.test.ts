import t from 'tap'
import { readAttachOptions, type AttachOptions } from '../../src/socket-io/attach-options.ts'

const url = 'redis://127.0.0.1:6379'
const before = process.env['REDIS_URL']
t.afterEach(() => {
  if (before === undefined) delete process.env['REDIS_URL']
  else process.env['REDIS_URL'] = before
})

function read(options?: unknown, environment = '') {
  process.env['REDIS_URL'] = environment
  return readAttachOptions(options as AttachOptions)
}

t.test(
  'without the adapter option broadcasts go through Redis where it is configured, else through the primary',
  async (t) => {
    t.match(read(), { adapter: 'ipc', reason: 'REDIS_URL is not set' })
    t.match(read(undefined, url), { adapter: 'redis', redis: url, reason: 'REDIS_URL is set' })
    t.match(read({ redis: url }), { adapter: 'redis', redis: url, reason: 'the redis option is set' })
    t.match(read({ redis: false }, url), { adapter: 'ipc', reason: 'the redis option is false' })
    t.match(read({ adapter: 'auto' }, url), { adapter: 'redis' })
  },
)

t.test('the adapter option chooses the adapter', async (t) => {
  for (const adapter of ['bridge', 'redis', 'redis-sharded', 'redis-streams']) {
    t.match(read({ adapter }, url), { adapter, redis: url, channelPrefix: 'socket.io', history: 10_000 })
    t.match(read({ adapter, redis: '/run/redis.sock', channelPrefix: 'mine' }), { adapter, channelPrefix: 'mine' })
  }
  t.strictSame(read({ adapter: 'ipc' }, url), { adapter: 'ipc', reason: 'the adapter option is set' })
  t.match(read({ adapter: 'ipc', redis: false }), { adapter: 'ipc' })
  t.match(read({ adapter: 'redis-streams', redis: url, history: 5 }), { history: 5 })
})

t.test('options for Sentinel, Cluster and certificates are passed on unchanged', async (t) => {
  for (const redis of [
    { sentinels: [{ host: '127.0.0.1', port: 26379 }], name: 'main' },
    { cluster: [url] },
    { cluster: [{ port: 7000 }], redisOptions: { password: 'secret' }, scaleReads: 'slave' },
    { host: 'redis.example', port: 6380, tls: { ca: Buffer.from('ca') } },
  ]) {
    t.match(read({ redis }), { adapter: 'redis', redis })
    t.match(read({ adapter: 'bridge', redis }), { adapter: 'bridge', redis })
  }
  t.match(read({ redis: { host: 'a', retryStrategy: () => 5 } }), { adapter: 'redis' })
})

t.test('options that do not fit are refused with what to write instead', async (t) => {
  const refused = (options: unknown, message: RegExp, environment?: string) =>
    t.throws(() => read(options, environment), { code: 'HOLDFAST_BAD_OPTION', message })
  refused({ adapter: 'redis-stream' }, /adapter: expected 'auto' or .*'redis-streams', got 'redis-stream'; write/)
  refused({ adaptor: 'ipc' }, /unknown option 'adaptor'; did you mean 'adapter'/)
  for (const adapter of ['bridge', 'redis', 'redis-sharded', 'redis-streams']) {
    const needs = new RegExp(
      `redis: expected a Redis for adapter '${adapter}' .*; write redis: 'redis://127.0.0.1:6379'`,
    )
    refused({ adapter }, needs)
    refused({ adapter, redis: false }, /adapter: expected 'ipc' with redis: false, got .*; write adapter: 'ipc'/, url)
  }
  refused({ adapter: 'ipc', redis: url }, /adapter: expected one that uses Redis with the redis option, got 'ipc'/)
  refused({ adapter: 'redis', redis: url, history: 5 }, /adapter: expected redis-streams with history, got 'redis'/)
  refused({ adapter: 'redis-streams', redis: url, history: 0 }, /history: expected an integer from 1 to/)
  for (const redis of ['localhost:6379', 'http://a', 'redis://127.0.0.1:99999', 6379, [], null, true]) {
    refused({ redis }, /redis: expected false, a URL that starts with redis:\/\/, or an object, got .*; write/)
  }
  refused({ redis: { cluster: [] } }, /redis: expected nodes of the Cluster in cluster, got \[\]/)
  refused({ redis: { sentinels: [{}] } }, /redis: expected a list of sentinels, and their name for the master, got/)
  refused({ redis: { cluster: [url], sentinels: [{}], name: 'a' } }, /redis: expected either cluster or sentinels/)
  refused({ redis: { host: 'a', keyPrefix: 'b' } }, /redis: expected channelPrefix instead of keyPrefix, got 'b'/)
  refused({ redis: { duplicate() {} } }, /redis: expected options, not a client made of them/)
  refused(
    { adapter: 'bridge', redis: { host: 'a', password: 'secret', tls: { checkServerIdentity() {} } } },
    /redis: expected no functions for adapter 'bridge', because it travels to the primary, got \[ 'host', 'password', 'tls' \]/,
  )
})
