import { once } from 'node:events'
import { readlinkSync } from 'node:fs'
import net from 'node:net'
import t from 'tap'
import { startHaproxy } from '../../demo/haproxy/haproxy.ts'
import { dial, freePort, until } from '../support/clients.ts'
import { missing } from '../support/installed.ts'
import { descendants, isRunning, startProgram } from '../support/program.ts'
import { ask, startDemo } from './demo.ts'

const skip = missing('haproxy')

t.test('through HAProxy the application sees its clients, each on its worker', { skip }, async (t) => {
  const demo = await startDemo(t, 'haproxy')
  const { port, program } = demo
  const [, version] = await program.printed(/HAProxy +(\d\S+) \(pid \d+\)/)
  t.ok(version)
  const [, behind] = await program.printed(/connects to 127\.0\.0\.1:(\d+), send-proxy-v2/)
  const rows = [...program.stdout().matchAll(/^ +(127\S+) +(127\S+) +worker (\d) +worker (\d)$/gm)]
  t.equal(rows.length, 4)
  for (const [, client, seen, served, explained] of rows) t.strictSame([seen, served], [client, explained])

  const { body } = await ask(port, '/', { from: '127.9.9.9' })
  t.match(body, {
    address: '127.9.9.9',
    proxyOf: { proxy: { address: '127.0.0.1' }, destination: { address: '127.0.0.1', port } },
  })

  const past = await dial(Number(behind))
  // The connection may be reset or ended.
  past.on('error', () => {}).end('GET / HTTP/1.0\r\n\r\n')
  await new Promise((done) => past.once('close', done))
  t.equal(past.bytesRead, 0, 'past HAProxy there is no answer')

  const processes = [demo.program.pid, ...descendants(demo.program.pid)]
  t.ok(processes.some((pid) => /haproxy/.test(readlinkSync(`/proc/${pid}/exe`))))
  program.child.kill('SIGINT')
  t.match(await program.exited, { code: 0 })
  await until('HAProxy is gone too', () => !processes.some(isRunning))
})

t.test('HAProxy ends even after the demo was killed', { skip }, async (t) => {
  const { program } = await startDemo(t, 'haproxy')
  const processes = descendants(program.pid)
  t.teardown(() => processes.filter(isRunning).forEach((pid) => process.kill(pid, 'SIGKILL')))
  program.child.kill('SIGKILL')
  await until('everything is gone', () => !processes.some(isRunning))
})

t.test('HAProxy gets another port if a program takes the first one before it', { skip }, async (t) => {
  const taken = net.createServer().listen(0, '127.0.0.1')
  await once(taken, 'listening')
  t.teardown(() => taken.close())
  const ports = [(taken.address() as net.AddressInfo).port, await freePort()]
  const [, free] = ports
  const find = () => Promise.resolve(ports.shift()!)
  const { port, haproxy } = await startHaproxy({ port: free!, fixedPort: false }, 1, find)
  t.equal(port, free)
  haproxy.kill()
  await once(haproxy, 'exit')
  t.strictSame(ports, [])
})

t.test('the end of HAProxy is printed with its signal', { skip }, async (t) => {
  const { program } = await startDemo(t, 'haproxy')
  const [, pid] = await program.printed(/HAProxy +\S+ \(pid (\d+)\)/)
  process.kill(Number(pid), 'SIGKILL')
  await until('the end of HAProxy is printed', () =>
    program.stderr().includes('haproxy was ended by SIGKILL; the demo has lost it.'),
  )
})

t.test('without HAProxy the demo says how to install it', async (t) => {
  const program = startProgram(t, 'demo/haproxy/server.js', ['--port', '0'], { PATH: '/nonexistent' })
  t.match(await program.exited, { code: 1 })
  t.match(program.stderr(), /^DEMO_PROGRAM_MISSING: haproxy is not installed; install it \(apt-get install haproxy/)
})
