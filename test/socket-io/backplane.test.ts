import t from 'tap'
import { Runtime } from '../../src/runtime.ts'
import { throughBridge } from '../../src/socket-io/backplane.ts'

t.test('several Socket.IO servers of a worker can use the bridge', async (t) => {
  const plan = { adapter: 'bridge', redis: '/no-redis', channelPrefix: 'test', history: 1, reason: 'test' } as const
  const setUp = () => throughBridge(plan, new Runtime()).backplane
  t.match(setUp(), { adapter: 'bridge', connected: false })
  t.match(setUp(), { adapter: 'bridge', connected: false })
})
