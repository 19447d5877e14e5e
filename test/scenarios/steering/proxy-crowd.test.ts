// Many connections at the PROXY protocol gate at once, while workers come and go.
import t, { type Test } from 'tap'
import type { BalancerOptions } from '../../support/balancer.ts'
import { answer, client, startTrusting } from '../../support/behind-proxy.ts'
import { dial, pool, until } from '../../support/clients.ts'
import { headerV1, headerV2 } from '../../support/proxy-headers.ts'

for (const native of ['0', '1']) {
  const over = native === '1' ? 'the best transport' : 'node-ipc'
  const start = (t: Test, proxyProtocol: object = {}, more: BalancerOptions = {}) =>
    startTrusting(t, proxyProtocol, { ...more, env: { HOLDFAST_NATIVE: native } })

  t.test(`a thousand connections at once all reach their worker, over ${over}`, async (t) => {
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

  t.test(
    `connections at the gate reach their worker while workers are killed, reloaded and scaled, over ${over}`,
    async (t) => {
      const balancer = await start(t, { timeout: 60_000 }, { options: { workers: 2, restart: { minDelay: 10 } } })
      const kill = 'a worker is killed'
      const changes: [string, () => Promise<unknown>][] = [
        [kill, async () => process.kill(await balancer.pid(0), 'SIGKILL')],
        ['the workers are reloaded', () => balancer.reload()],
        ['a worker is added', () => balancer.scale(3)],
        ['all but one worker are removed', () => balancer.scale(1)],
        ['a worker is added again', () => balancer.scale(2)],
      ]
      for (const [name, change] of changes) {
        const clients = Array.from({ length: 40 }, (_, n) => client(n))
        const headers = clients.map((from, n) => (n % 2 === 0 ? headerV1 : headerV2)(from))
        const sockets = await Promise.all(clients.map(() => dial(balancer.port)))
        for (const [n, socket] of sockets.entries()) socket.write(headers[n]!.subarray(0, 15))
        await until('all wait', async () => (await balancer.status()).connections.pending === 40)
        const changing = change()
        // Half of the clients send the rest during the change, the others after it. Requests end when their worker is
        // killed, so in that case all clients wait.
        const answers = sockets.map(async (socket, n) => {
          if (n % 4 < 2 || name === kill) await changing
          return answer(socket, headers[n]!.subarray(15))
        })
        const replies = await Promise.all(answers)
        const addresses = replies.map(({ address }) => address)
        t.strictSame(
          addresses,
          clients.map(({ address }) => address),
          name,
        )
        await changing
        for (const [n, reply] of replies.entries()) {
          if (n % 4 < 2) t.equal(reply.worker, (await balancer.explain(clients[n]!.address)).worker, name)
        }
      }
      const { accepted, handedOff, pending } = (await balancer.status()).connections
      t.strictSame([accepted, handedOff, pending], [200, 200, 0])
    },
  )
}
