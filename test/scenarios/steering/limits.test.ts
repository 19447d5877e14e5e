import { once } from 'node:events'
import type net from 'node:net'
import t from 'tap'
import { startBalancer } from '../../support/balancer.ts'
import { dial, loopback, request, until } from '../../support/clients.ts'

for (const native of ['0', '1']) {
  const over = native === '1' ? 'the best transport' : 'node-ipc'

  t.test(`limits.maxPerAddress bounds one client and no other, over ${over}`, async (t) => {
    const options = { workers: 2, limits: { maxPerAddress: 3 } }
    const balancer = await startBalancer(t, { kind: 'net', options, env: { HOLDFAST_NATIVE: native } })
    const { port } = balancer
    const sockets = [await greeted(port, 1), await greeted(port, 1), await greeted(port, 1)]
    await refused(port, 1)
    t.equal((await balancer.status()).connections.closed['address-full'], 1)
    sockets.push(await greeted(port, 2))
    sockets[0]!.destroy()
    await until('the place of the ended connection is free', async () => {
      const socket = await dial(port, loopback(1))
      const [greeting] = await Promise.race([once(socket, 'data'), once(socket, 'close')])
      if (Buffer.isBuffer(greeting)) sockets.push(socket)
      return Buffer.isBuffer(greeting)
    })
    // The connections of a killed worker have ended, and must not count any longer.
    const { worker } = await balancer.explain(loopback(1))
    const back = balancer.event('worker:ready')
    process.kill(await balancer.pid(worker), 'SIGKILL')
    await back
    for (let n = 0; n < 3; n++) sockets.push(await greeted(port, 1))
    await refused(port, 1)
    for (const socket of sockets) socket.destroy()
  })

  t.test(`limits.maxConnections bounds all clients together, over ${over}`, async (t) => {
    const options = { workers: 2, limits: { maxConnections: 10 } }
    const balancer = await startBalancer(t, { kind: 'net', options, env: { HOLDFAST_NATIVE: native } })
    const { port } = balancer
    const sockets: net.Socket[] = []
    for (let n = 0; n < 10; n++) sockets.push(await greeted(port, n))
    await refused(port, 77)
    t.equal((await balancer.status()).connections.closed['connections-full'], 1)
    for (const socket of sockets) socket.destroy()
    for (let n = 0; n < 10; n++) {
      await until(`place ${n} is free`, async () => {
        const socket = await dial(port, loopback(n))
        const [greeting] = await Promise.race([once(socket, 'data'), once(socket, 'close')])
        sockets.push(socket)
        return Buffer.isBuffer(greeting)
      })
    }
    for (const socket of sockets) socket.destroy()
  })
}

t.test('a primary with few descriptors left stops accepting, logs that once, and loses no connection', async (t) => {
  const options = { workers: 1, limits: { holdTimeout: 60_000 } }
  const balancer = await startBalancer(t, { options, descriptors: 200 })
  const pid = await balancer.pid(0)
  process.kill(pid, 'SIGSTOP')
  const answers = Promise.all(
    Array.from({ length: 400 }, (_, n) => request({ port: balancer.port, from: loopback(n) })),
  )
  await until('accepting stops', async () => (await balancer.status()).connections.pauses === 1)
  const { pending, closed } = (await balancer.status()).connections
  t.ok(pending < 200, `${pending} wait in the primary, the others in the kernel`)
  t.equal(closed.descriptors, 0)
  process.kill(pid, 'SIGCONT')
  t.equal((await answers).length, 400, 'all are answered')
  t.match(balancer.output(), /accept\.paused[^]*accept\.resumed/)
})

t.test('without system calls it closes connections instead, and counts them', async (t) => {
  const options = { workers: 1, limits: { holdTimeout: 60_000 } }
  const balancer = await startBalancer(t, { options, descriptors: 200, env: { HOLDFAST_NATIVE: '0' } })
  const pid = await balancer.pid(0)
  process.kill(pid, 'SIGSTOP')
  const answers = Promise.allSettled(
    Array.from({ length: 300 }, (_, n) => request({ port: balancer.port, from: loopback(n) })),
  )
  await until('some are closed', async () => {
    const { accepted, closed } = (await balancer.status()).connections
    return accepted === 300 && closed.descriptors > 0
  })
  process.kill(pid, 'SIGCONT')
  const answered = (await answers).filter(({ status }) => status === 'fulfilled').length
  t.equal(answered + (await balancer.status()).connections.closed.descriptors, 300, 'each is answered or counted')
})

/** Connects client number `n`, and resolves when the worker has greeted. */
async function greeted(port: number, n: number): Promise<net.Socket> {
  const socket = await dial(port, loopback(n))
  await once(socket, 'data')
  return socket.on('error', () => {})
}

/** Connects client number `n`. @throws Error when it is served */
async function refused(port: number, n: number): Promise<void> {
  const socket = await dial(port, loopback(n))
  let bytes = 0
  socket.on('data', (chunk: Buffer) => (bytes += chunk.length)).on('error', () => {})
  await once(socket, 'close')
  if (bytes > 0) throw new Error('it was served')
}
