import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import net from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { stickyListen } from '../src/index.ts'
import { startBalancer, type Balancer } from './support/balancer.ts'
import { dial, isAlive, loopback, request, until, type Reply } from './support/clients.ts'

t.test('an IPv4-mapped IPv6 address leads to the same worker as the IPv4 address', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 4 } })
  for (let n = 0; n < 20; n++) {
    const plain = await request({ port: balancer.port, from: loopback(n) })
    const { worker } = await balancer.explain(`::ffff:${loopback(n)}`)
    t.equal(plain.worker, worker)
  }
})

t.test('in a worker the server behaves as if it listened', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 1 } })
  const reply = await request({ port: balancer.port, path: '/server' })
  t.match(reply, { listening: true, bound: { port: balancer.port, address: balancer.address.address } })
  t.equal(
    (await request({ port: balancer.port, path: '/connections' }))['count'],
    1,
    'the connection of this request is counted',
  )
})

t.test('both sides of a connection can send at once, also after the client has ended its side', async (t) => {
  const balancer = await startBalancer(t, { kind: 'net', options: { workers: 2 } })
  const socket = await dial(balancer.port)
  // The client has sent everything and ended its side before the worker may have the connection.
  socket.end('to be echoed')
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await once(socket, 'end')
  const [greeting, echo] = text.split('\n')
  t.equal((JSON.parse(greeting!) as Reply).worker, (await balancer.explain('127.0.0.1')).worker)
  t.equal(echo, 'to be echoed')
})

t.test('a port in use rejects `ready` with a code and leaves no child behind', async (t) => {
  const taken = net.createServer().listen(0)
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const { port } = taken.address() as net.AddressInfo
  const failure = await startBalancer(t, { options: { port, workers: 2 } }).catch((error: unknown) => error)
  t.match(failure, { code: 'HOLDFAST_PORT_IN_USE', message: new RegExp(`port ${port}`) })
  t.match(await (failure as Balancer).exited, { code: 1 })
})

for (const workers of [2, 0]) {
  t.test(
    `an application that ignores \`ready\` says in one line that the port is in use, ${workers} workers`,
    async (t) => {
      const taken = net.createServer().listen(0)
      await once(taken, 'listening')
      t.teardown(() => taken.close())
      const { port } = taken.address() as net.AddressInfo
      const file = join(t.testdir({}), 'app.mjs')
      const holdfast = new URL('../src/index.js', import.meta.url).href
      const options = (logger: string) => `{ port: ${port}, workers: ${workers}, ${logger} }`
      const program = (logger: string, more = '') => `import http from 'node:http'
import { stickyListen } from '${holdfast}'
${more}
stickyListen(() => http.createServer(), ${options(logger)})
setInterval(() => {}, 1000)
`
      const line =
        /^\[holdfast\] error balancer\.failed code=HOLDFAST_PORT_IN_USE error="another process listens .*"\n$/
      for (const logger of ['', 'logger: false']) {
        writeFileSync(file, program(logger))
        const { status, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' })
        t.equal(status, 1)
        t.match(stderr, line)
      }
      // An application that handles such errors itself goes on to do so.
      writeFileSync(file, program('', `process.on('unhandledRejection', ({ code }) => process.exit(code.length))`))
      t.match(spawnSync(process.execPath, [file], { encoding: 'utf8' }), {
        status: 'HOLDFAST_PORT_IN_USE'.length,
        stderr: '',
      })
    },
  )
}

t.test('close() answers the requests in service, and then no process is left', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 2 } })
  const pids = [await balancer.pid(0), await balancer.pid(1)]
  const slow = request({ port: balancer.port, path: '/block?ms=300' })
  await until('the request is in service', async () => (await balancer.status()).connections.handedOff === 1)
  t.equal(await balancer.close(), true)
  t.match(await slow, { worker: 0 })
  t.match(await balancer.exited, { code: 0 })
  t.notOk(pids.some(isAlive), 'no worker is left')
  t.rejects(dial(balancer.port), { code: 'ECONNREFUSED' })
})

for (const kind of ['http', 'https'] as const) {
  t.test(`connections without a complete request do not delay the end of a worker, over ${kind}`, async (t) => {
    const balancer = await startBalancer(t, { kind, options: { workers: 1, shutdown: { deadline: 60_000 } } })
    const silent = await dial(balancer.port)
    const partial = await dial(balancer.port)
    // For TLS these bytes are an error, and the server answers at once.
    partial.write('GET / HT')
    const gone = [silent, partial].map((socket) => once(socket.on('error', () => {}).resume(), 'close'))
    await until('the worker has them', async () => (await balancer.status()).connections.handedOff === 2)
    t.equal(await balancer.close(), true, 'no worker had to be killed')
    await Promise.all(gone)
  })
}

t.test('a closed log pipe does not end the service', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 1 } })
  balancer.child.stderr!.destroy()
  balancer.child.stdout!.destroy()
  const back = balancer.event('worker:ready')
  process.kill(await balancer.pid(0), 'SIGKILL')
  await back
  t.match(await request({ port: balancer.port }), { worker: 0 })
  t.match(
    await request({ port: balancer.port, path: '/block?ms=1' }),
    { worker: 0 },
    'a worker can still write to the log',
  )
})

t.test('stickyListen in a worker of node:cluster is refused before it forks', async (t) => {
  const failure = await startBalancer(t, { fixture: 'careless-app', env: { FIXTURE_TARGET: 'cluster' } }).catch(
    (error: unknown) => error,
  )
  t.match((failure as Error).message, /HOLDFAST_IN_NODE_CLUSTER/)
  t.match((failure as Error).message, /take cluster\.fork\(\) out; stickyListen starts the workers itself/)
})

t.test("under PM2's cluster mode the error says what to write into the ecosystem file", async (t) => {
  const env = { FIXTURE_TARGET: 'cluster', pm_id: '0' }
  const failure = await startBalancer(t, { fixture: 'careless-app', env }).catch((error: unknown) => error)
  t.match((failure as Error).message, /HOLDFAST_IN_NODE_CLUSTER/)
  t.match(
    (failure as Error).message,
    /under PM2 set exec_mode: 'fork' and instances: 1; stickyListen starts the workers/,
  )
})

t.test('an Express application in place of a server is refused, and the error says what to write', async (t) => {
  const express = Object.assign(() => {}, { listen() {} })
  for (const target of [express, (_request: unknown, _response: unknown) => {}]) {
    t.throws(() => stickyListen(target as never), { code: 'HOLDFAST_BAD_OPTION', message: /http\.createServer\(app\)/ })
  }
})

t.test('close() refuses wrong options, and closes nothing', async (t) => {
  for (const workers of [1, 0]) {
    const balancer = await startBalancer(t, { options: { workers } })
    for (const [options, message] of [
      [{ deadline: '5s' }, "close options.deadline: expected an integer from 0 to 2147483647, got '5s'"],
      [{ dedline: 5 }, "close options: unknown option 'dedline'; did you mean 'deadline'?"],
      [null, 'close options: expected an object, got null'],
    ] as const) {
      const closing = balancer.close(options as unknown as { deadline: number })
      await t.rejects(closing, { code: 'HOLDFAST_BAD_OPTION', message: new RegExp(message.replace('?', '\\?')) })
    }
    t.match(await request({ port: balancer.port }), { worker: 0 })
  }
})

t.test('a worker that does not end is killed at the deadline, and close() returns false', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 1 } })
  const hanging = request({ port: balancer.port, path: '/wait' })
  await until('the request is in service', async () => (await balancer.status()).connections.handedOff === 1)
  const failed = t.rejects(hanging, { code: 'ECONNRESET' })
  t.equal(await balancer.close({ deadline: 100 }), false)
  await failed
})

t.test(
  'a worker leaves by server.close(), and its successor has the same id and knows that it is not the first',
  async (t) => {
    const balancer = await startBalancer(t, { options: { workers: 2 } })
    const { worker, pid } = await request({ port: balancer.port, path: '/close' })
    await until('another process serves, and no request failed meanwhile', async () => {
      const reply = await request({ port: balancer.port })
      t.equal(reply.worker, worker)
      t.equal(reply['restarts'], reply.pid === pid ? 0 : 1)
      return reply.pid !== pid
    })
  },
)

t.test('a target function that returns no server is refused', async (t) => {
  const failure = await startBalancer(t, { fixture: 'careless-app', env: { FIXTURE_TARGET: 'none' } }).catch(
    (error: unknown) => error,
  )
  t.match((failure as Error).message, /HOLDFAST_BAD_TARGET/)
  t.match((failure as Error).message, /HOLDFAST_WORKER_NOT_READY/)
})

t.test('a second stickyListen for the same port is refused', async (t) => {
  const failure = await startBalancer(t, { fixture: 'careless-app', env: { FIXTURE_TARGET: 'twice' } }).catch(
    (error: unknown) => error,
  )
  t.match((failure as Error).message, /HOLDFAST_SECOND_LISTENER/)
})

t.test('a server that listens already is refused', async (t) => {
  const failure = await startBalancer(t, { fixture: 'careless-app', env: { FIXTURE_TARGET: 'listens' } }).catch(
    (error: unknown) => error,
  )
  t.match((failure as Error).message, /HOLDFAST_TARGET_LISTENS/)
})
