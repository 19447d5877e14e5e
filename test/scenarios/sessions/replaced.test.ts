// Sessions of a worker that is being replaced, whose requests come in at another one.
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import t from 'tap'
import { startBalancer, type Balancer } from '../../support/balancer.ts'
import { request } from '../../support/clients.ts'
import { newSession } from '../../support/kept-alive.ts'
import { Polling } from '../../support/polling.ts'
import { addressOf } from '../../support/socket-io.ts'

/** Longer than any test: who waits for all of it has failed. */
const FOR_EVER = 3_600_000

t.test('it does not wait for sessions of which nobody knows whether they still live', async (t) => {
  const balancer = await startBalancer(t, {
    options: { workers: 2, session: { cookie: 'seat' }, reload: { spread: FOR_EVER, deadline: FOR_EVER } },
  })
  const [here, there] = await addresses(balancer)
  const cookie = await newSession(balancer.port, here)
  const pid = await balancer.pid(0)
  t.match(await request({ port: balancer.port, from: there, headers: { cookie } }), { pid }, 'sent on')
  const exit = balancer.event<Exit>('worker:exit', (gone) => gone.pid === pid)
  await balancer.reload()
  t.match(await exit, { code: 0, signal: null })
})

t.test(
  'Socket.IO clients that poll stay until they are told to come back, whichever worker they come in at',
  async (t) => {
    const reload = { grace: 2_000, spread: 0, deadline: FOR_EVER }
    const balancer = await startBalancer(t, {
      fixture: 'socket-io-app',
      options: { workers: 2, reload },
      env: { REDIS_URL: '' },
    })
    const { port } = balancer
    const old = await balancer.pid(0)
    const [here, there] = await addresses(balancer)
    const keepAlive = new http.Agent({ keepAlive: true, maxSockets: 1 })
    t.teardown(() => keepAlive.destroy())
    // Only the first one's connections come in where it lives.
    const clients = await Promise.all([
      Polling.open({ port, agent: false, from: here }),
      Polling.open({ port, agent: keepAlive, from: here }),
    ])
    for (const { pid } of clients) t.equal(pid, old)
    const draining = balancer.event<State>('worker:state', ({ pid, state }) => pid === old && state === 'draining')
    const reloaded = balancer.reload()
    await draining
    for (const client of clients) {
      for (let n = 1; n <= 5; n++) await client.ask('learn', { n })
      t.strictSame([...client.statuses.keys()], [200], 'each answer')
    }
    // A connection of the worker that stays: nothing that the other one says ends it.
    const [{ sid }] = clients
    const path = `/socket.io/?EIO=4&transport=polling&sid=${sid}`
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    t.teardown(() => agent.destroy())
    for (let n = 1; n <= 3; n++) {
      const sending = http.request({ port, host: '127.0.0.1', localAddress: there, agent, path, method: 'POST' })
      sending.end('42["none"]')
      const [answer] = (await once(sending, 'response')) as [IncomingMessage]
      t.match(answer, { statusCode: 200, headers: { connection: 'keep-alive' } })
      t.equal(sending.reusedSocket, n > 1)
      await answer.resume().toArray()
    }
    // Then they are told, the second one by what it asks after that.
    for (const client of clients) {
      await client.next('close')
      t.strictSame([...client.statuses.keys()], [200])
    }
    await reloaded
  },
)

/** Of a client of each worker. */
async function addresses(balancer: Balancer): Promise<[string, string]> {
  return [await addressOf({ balancer, worker: 0 }), await addressOf({ balancer, worker: 1 })]
}

interface Exit {
  pid: number
  code: number | null
  signal: string | null
}

interface State {
  pid: number
  state: string
}
