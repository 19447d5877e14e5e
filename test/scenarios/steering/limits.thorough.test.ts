import t from 'tap'
import { startBalancer } from '../../support/balancer.ts'
import { dial, loopback, until } from '../../support/clients.ts'

t.test('after 100,000 connections the primary keeps neither descriptors nor memory of them', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 2 } })
  await resets(balancer.port, 5_000)
  const before = await balancer.resources()
  await resets(balancer.port, 100_000)
  await until('none is pending', async () => (await balancer.status()).connections.pending === 0)
  const after = await balancer.resources()
  t.ok(after.descriptors <= before.descriptors + 2, `descriptors: ${before.descriptors}, then ${after.descriptors}`)
  t.ok(after.heap - before.heap < 2_000_000, `heap: ${before.heap}, then ${after.heap} bytes`)
})

/** Opens and resets connections, 100 at a time. */
async function resets(port: number, count: number): Promise<void> {
  let left = count
  const visit = async () => {
    while (left-- > 0) {
      const socket = await dial(port, loopback(left % 1000))
      socket.resetAndDestroy()
    }
  }
  await Promise.all(Array.from({ length: 100 }, visit))
}
