import t from 'tap'
import { missing } from '../support/installed.ts'
import { serverGoneContract } from './server-gone.ts'

const skip = missing('redis-server')

for (const adapter of ['redis', 'redis-sharded', 'redis-streams'] as const) {
  t.test(`${adapter}: requests to a worker that is killed end with the answers of the others`, { skip }, async (t) => {
    await serverGoneContract(t, adapter, 1)
  })
}
