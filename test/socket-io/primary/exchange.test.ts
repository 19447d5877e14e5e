import t from 'tap'
import { Exchange } from '../../../src/socket-io/primary/exchange.ts'
import { packTarget } from '../../../src/redis/target.ts'
import type { ToWorker } from '../../../src/ipc/messages.ts'
import { until } from '../../support/clients.ts'
import { missing } from '../../support/installed.ts'
import { startRedis } from '../../support/redis.ts'

function setUp() {
  const log: string[] = []
  const write = (event: string) => void log.push(event)
  const sent: ToWorker[] = []
  const worker = { relay() {}, send: (message: ToWorker) => void sent.push(message) }
  const logger = { debug: write, info: write, warn: write, error: write }
  return { log, sent, exchange: new Exchange(logger, 'advanced', () => [worker]) }
}

t.test(
  'the bridge is opened once, and again when a newer worker requests another Redis',
  { skip: missing('redis-server') },
  async (t) => {
    const [first, second] = [await startRedis(t), await startRedis(t)]
    const { exchange, log, sent } = setUp()
    t.teardown(() => exchange.close())
    t.equal(exchange.bridge, undefined)
    const request = (url: string, channelPrefix = 'test') =>
      exchange.open({ type: 'open-bridge', redis: packTarget(url), channelPrefix, program: '/app.js' })
    request(first.url)
    request(first.url)
    t.match(sent, [{ type: 'bridge-state', connected: false }], 'a worker gets the state with its request')
    await until('the bridge is connected', () => exchange.bridge?.connected === true)
    t.match(sent.at(-1), { type: 'bridge-state', connected: true, lost: 0 })
    request(first.url)
    t.strictSame(log, ['redis.up'])
    request(second.url)
    await until('the other bridge is connected', () => exchange.bridge?.connected === true)
    await first.kill()
    request(second.url)
    t.match(exchange.bridge, { connected: true })
    t.strictSame(log, ['redis.up', 'redis.up'])
  },
)

t.test('options that cannot be used are logged, and throw no error', async (t) => {
  const { exchange, log, sent } = setUp()
  t.teardown(() => exchange.close())
  const redis = packTarget({ cluster: ['redis://127.0.0.1:1'], scaleReads: 'none' })
  exchange.open({ type: 'open-bridge', redis, channelPrefix: 'test', program: '/app.js' })
  exchange.open({ type: 'open-bridge', redis: 'no V8', channelPrefix: 'test', program: '/app.js' })
  t.strictSame(log, ['bridge.failed', 'bridge.failed'])
  t.match(sent, [{ connected: false }, { connected: false }])
  t.equal(exchange.bridge, undefined)
})
