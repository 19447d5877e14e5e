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
  const told: ToWorker[] = []
  const worker = { relay() {}, send: (message: ToWorker) => void told.push(message) }
  const logger = { debug: write, info: write, warn: write, error: write }
  return { log, told, exchange: new Exchange(logger, 'advanced', () => [worker]) }
}

t.test(
  'the bridge is opened once, and anew where the newest program says so',
  { skip: missing('redis-server') },
  async (t) => {
    const [first, second] = [await startRedis(t), await startRedis(t)]
    const { exchange, log, told } = setUp()
    t.teardown(() => exchange.close())
    t.equal(exchange.bridge, undefined)
    const ask = (url: string, channelPrefix = 'test') =>
      exchange.open({ type: 'open-bridge', redis: packTarget(url), channelPrefix })
    ask(first.url)
    ask(first.url)
    t.match(told, [{ type: 'bridge-state', connected: false }], 'who asks is told at once')
    await until('it is up', () => exchange.bridge?.connected === true)
    t.match(told.at(-1), { type: 'bridge-state', connected: true, lost: 0 })
    ask(first.url)
    t.strictSame(log, ['redis.up'])
    ask(second.url)
    await until('it is up elsewhere', () => exchange.bridge?.connected === true)
    await first.kill()
    ask(second.url)
    t.match(exchange.bridge, { connected: true })
    t.strictSame(log, ['redis.up', 'redis.up'])
  },
)

t.test('options that can not be are told, and harm nobody', async (t) => {
  const { exchange, log, told } = setUp()
  t.teardown(() => exchange.close())
  const redis = packTarget({ cluster: ['redis://127.0.0.1:1'], scaleReads: 'nobody' })
  exchange.open({ type: 'open-bridge', redis, channelPrefix: 'test' })
  exchange.open({ type: 'open-bridge', redis: 'no V8', channelPrefix: 'test' })
  t.strictSame(log, ['bridge.failed', 'bridge.failed'])
  t.match(told, [{ connected: false }, { connected: false }])
  t.equal(exchange.bridge, undefined)
})
