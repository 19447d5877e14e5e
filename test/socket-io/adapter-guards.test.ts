import t from 'tap'
import { countSafely } from '../../src/socket-io/adapter-guards.ts'

function adapter() {
  const counting = {
    broadcastWithAck: () => 'sent',
    serverCount: () => Promise.reject<number>(new Error('Redis is away')),
  }
  countSafely(counting)
  return counting
}

t.test('a server count that fails after a broadcast never settles, so that its error is not unhandled', async (t) => {
  const { broadcastWithAck, serverCount } = adapter()
  t.equal(broadcastWithAck(), 'sent')
  const settled = serverCount().then(
    () => 'settled',
    () => 'settled',
  )
  t.equal(await Promise.race([settled, new Promise((done) => setTimeout(done, 20, 'open'))]), 'open')
})

t.test('any other server count fails with the error, also in the same turn', async (t) => {
  const { broadcastWithAck, serverCount } = adapter()
  await t.rejects(serverCount(), /away/)
  broadcastWithAck()
  void serverCount()
  await t.rejects(serverCount(), /away/)
  broadcastWithAck()
  await Promise.resolve()
  await t.rejects(serverCount(), /away/)
})
