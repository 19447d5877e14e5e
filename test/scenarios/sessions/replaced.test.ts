// Requests come in at one worker while the worker that has their session is replaced.
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import t from 'tap'
import { startBalancer, type Balancer } from '../../support/balancer.ts'
import { request } from '../../support/clients.ts'
import { newSession } from '../../support/kept-alive.ts'
import { Polling } from '../../support/polling.ts'
import { addressOf } from '../../support/socket-io.ts'

/** Longer than any test: a worker that waits for all of it fails the test. */
const FOR_EVER = 3_600_000

t.test('a worker does not wait for sessions that may have ended long ago', async (t) => {
  const balancer = await startBalancer(t, {
    options: { workers: 2, session: { cookie: 'seat' }, reload: { spread: FOR_EVER, deadline: FOR_EVER } },
  })
  const [here, there] = await addresses(balancer)
  const cookie = await newSession(balancer.port, here)
  const pid = await balancer.pid(0)
  t.match(await request({ port: balancer.port, from: there, headers: { cookie } }), { pid }, 'forwarded')
  const exit = balancer.event<Exit>('worker:exit', (gone) => gone.pid === pid)
  await balancer.reload()
  t.match(await exit, { code: 0, signal: null })
})

t.test('Socket.IO clients that poll keep their session until they are told to come back, at any worker', async (t) => {
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
  // Only the first client's connections come in at the worker that has its session.
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
  // The worker that drains does not end a connection of the worker that stays.
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
  // Then both clients are told to come back, the second one by the answer to its next request.
  for (const client of clients) {
    await client.next('close')
    t.strictSame([...client.statuses.keys()], [200])
  }
  await reloaded
})

/** The address of a client of each worker. */
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
