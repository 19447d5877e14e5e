import t from 'tap'
import { missing } from '../support/installed.ts'
import { serverGoneContract } from './server-gone.ts'

t.test('ipc: requests to a worker that is killed end with the answers of the others', async (t) => {
  await serverGoneContract(t, 'ipc', 1)
})

for (const adapter of ['bridge', 'redis', 'redis-sharded', 'redis-streams'] as const) {
  const name = `${adapter}, on two hosts: requests to a worker that is killed end with the answers of the others`
  t.test(name, { skip: missing('redis-server') }, async (t) => {
    await serverGoneContract(t, adapter, 2)
  })
}
