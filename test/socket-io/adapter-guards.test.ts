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

t.test('the question behind a broadcast stays open where nobody knows, and nobody is to catch it', async (t) => {
  const { broadcastWithAck, serverCount } = adapter()
  t.equal(broadcastWithAck(), 'sent')
  const settled = serverCount().then(
    () => 'settled',
    () => 'settled',
  )
  t.equal(await Promise.race([settled, new Promise((done) => setTimeout(done, 20, 'open'))]), 'open')
})

t.test('who asks for a reason of his own is told, in the same turn too', async (t) => {
  const { broadcastWithAck, serverCount } = adapter()
  await t.rejects(serverCount(), /away/)
  broadcastWithAck()
  void serverCount()
  await t.rejects(serverCount(), /away/)
  broadcastWithAck()
  await Promise.resolve()
  await t.rejects(serverCount(), /away/)
})
