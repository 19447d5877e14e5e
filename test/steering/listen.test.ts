import { once } from 'node:events'
import net, { type AddressInfo } from 'node:net'
import t from 'tap'
import { listen } from '../../src/steering/listen.ts'

t.test('a port whose IPv6 half is taken is in use, although 0.0.0.0 is free', async (t) => {
  const other = net.createServer().listen({ port: 0, host: '::', ipv6Only: true })
  t.teardown(() => other.close())
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  const server = net.createServer()
  await t.rejects(listen(server, { port, host: undefined, backlog: 8 }), { code: 'HOLDFAST_PORT_IN_USE' })
  t.equal(server.listening, false)
})

t.test('without a host every address is listened on', async (t) => {
  const server = net.createServer()
  t.teardown(() => server.close())
  await listen(server, { port: 0, host: undefined, backlog: 8 })
  t.match(server.address(), { address: '::', family: 'IPv6' })
})
