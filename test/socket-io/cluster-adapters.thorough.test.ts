import t from 'tap'
import { missing } from '../support/installed.ts'
import { startCluster } from '../support/redis.ts'
import { startHosts } from '../support/socket-io.ts'
import { adapterContract } from './contract.ts'

for (const adapter of ['redis', 'redis-sharded', 'redis-streams', 'bridge'] as const) {
  t.test(`${adapter} over a Cluster of three masters`, { skip: missing('redis-server') }, async (t) => {
    const [node] = await startCluster(t, 3)
    const redis = { cluster: [{ host: '127.0.0.1', port: node!.port }] }
    const places = await startHosts(t, 2, 2, { adapter, redis })
    const classic = {
      order: 'ioredis sends each to another node, and they have no order between them',
      'binary between servers': '@socket.io/redis-adapter sends it as JSON',
    }
    await adapterContract(t, places, adapter === 'redis' ? classic : {})
  })
}
