// Many connections at the gate at once, and what happens to the workers meanwhile.
import t, { type Test } from 'tap'
import type { BalancerOptions } from '../../support/balancer.ts'
import { answer, client, startTrusting } from '../../support/behind-proxy.ts'
import { dial, pool, until } from '../../support/clients.ts'
import { headerV1, headerV2 } from '../../support/proxy-headers.ts'

for (const native of ['0', '1']) {
  const over = native === '1' ? 'the best transport' : 'node-ipc'
  const start = (t: Test, proxyProtocol: object = {}, more: BalancerOptions = {}) =>
    startTrusting(t, proxyProtocol, { ...more, env: { HOLDFAST_NATIVE: native } })

  t.test(`a thousand at once all get to their worker, over ${over}`, async (t) => {
    const balancer = await start(t, {}, { options: { workers: 3 } })
    const clients = Array.from({ length: 1_000 }, (_, n) => client(n))
    const sockets = await Promise.all(clients.map(() => dial(balancer.port)))
    const replies = await Promise.all(
      sockets.map((socket, n) => answer(socket, (n % 2 === 0 ? headerV1 : headerV2)(clients[n]!))),
    )
    const wrong = await pool(
      clients.map(({ address, port }, n) => async () => {
        const { worker } = await balancer.explain(address)
        const reply = replies[n]!
        return reply.address === address && reply.port === port && reply.worker === worker ? [] : [reply]
      }),
      20,
    )
    t.strictSame(wrong.flat(), [])
    const { accepted, handedOff, pending } = (await balancer.status()).connections
    t.strictSame([accepted, handedOff, pending], [1_000, 1_000, 0])
  })

  t.test(`workers are killed, reloaded and scaled while connections stand at the gate, over ${over}`, async (t) => {
    const balancer = await start(t, { timeout: 60_000 }, { options: { workers: 2, restart: { minDelay: 10 } } })
    const killed = 'a worker is killed'
    const changes: [string, () => Promise<unknown>][] = [
      [killed, async () => process.kill(await balancer.pid(0), 'SIGKILL')],
      ['all are reloaded', () => balancer.reload()],
      ['there is one more', () => balancer.scale(3)],
      ['there is only one', () => balancer.scale(1)],
      ['there are two again', () => balancer.scale(2)],
    ]
    for (const [what, change] of changes) {
      const clients = Array.from({ length: 40 }, (_, n) => client(n))
      const headers = clients.map((from, n) => (n % 2 === 0 ? headerV1 : headerV2)(from))
      const sockets = await Promise.all(clients.map(() => dial(balancer.port)))
      for (const [n, socket] of sockets.entries()) socket.write(headers[n]!.subarray(0, 15))
      await until('all wait', async () => (await balancer.status()).connections.pending === 40)
      const changing = change()
      // Half of them go on while it happens, the others afterwards. But what a killed worker is serving goes with it.
      const answers = sockets.map(async (socket, n) => {
        if (n % 4 < 2 || what === killed) await changing
        return answer(socket, headers[n]!.subarray(15))
      })
      const replies = await Promise.all(answers)
      const addresses = replies.map(({ address }) => address)
      t.strictSame(
        addresses,
        clients.map(({ address }) => address),
        what,
      )
      await changing
      for (const [n, reply] of replies.entries()) {
        if (n % 4 < 2) t.equal(reply.worker, (await balancer.explain(clients[n]!.address)).worker, what)
      }
    }
    const { accepted, handedOff, pending } = (await balancer.status()).connections
    t.strictSame([accepted, handedOff, pending], [200, 200, 0])
  })
}
