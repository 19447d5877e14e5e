import t from 'tap'
import { includesAddress, listenAddress, overlaps } from '../../src/command/listen-address.ts'

t.test('port and host are found in all forms of arguments of net.Server.listen', async (t) => {
  const all = { port: 80, host: undefined }
  for (const args of [
    [80],
    ['80'],
    [80, () => {}],
    [80, undefined, 511],
    [80, ''],
    [{ port: 80 }],
    [{ port: '80' }],
    [{ port: 80, path: '/a' }],
    [{ port: 80, path: null, fd: null }],
    [{ port: 80, fd: -1 }],
  ]) {
    t.strictSame(listenAddress(args), all)
  }
  for (const args of [[80, 'a'], [80, 'a', 511, () => {}], [{ port: '80', host: 'a' }]]) {
    t.strictSame(listenAddress(args), { port: 80, host: 'a' })
  }
  t.strictSame(listenAddress([0]), { port: 0, host: undefined })
  const others = [[], [undefined], [null], ['/tmp/socket'], [() => {}], [{ path: '/a' }], [{ fd: 3, port: 80 }], [{}]]
  for (const args of [...others, [{ _handle: {} }], [{ handle: {}, port: 80 }]]) t.equal(listenAddress(args), undefined)
})

t.test('the balancer may be reachable only where the program would be reachable', async (t) => {
  for (const [host, balancer] of [
    [undefined, '::'],
    ['::', '0.0.0.0'],
    ['0.0.0.0', '127.0.0.1'],
    ['127.0.0.1', '127.0.0.1'],
    ['localhost', '::1'],
    ['localhost', '127.0.0.1'],
  ] as const) {
    t.ok(includesAddress(host, balancer), `${host} ${balancer}`)
  }
  for (const [host, balancer] of [
    ['127.0.0.1', '::'],
    ['localhost', '::'],
    ['192.0.2.1', '0.0.0.0'],
    ['::1', '127.0.0.1'],
    ['app.internal', '127.0.0.1'],
  ] as const) {
    t.notOk(includesAddress(host, balancer), `${host} ${balancer}`)
  }
})

t.test('a port is taken on all addresses that the listening server includes', async (t) => {
  const range = (address: string) => ({ address, ipv6Only: false })
  const only = { address: '::', ipv6Only: true }
  for (const [one, other] of [
    [range('::'), range('127.0.0.1')],
    [range('::'), range('::1')],
    [range('0.0.0.0'), range('127.0.0.1')],
    [range('0.0.0.0'), range('::')],
    [range('::1'), range('::1')],
    [only, range('::1')],
    [only, range('::')],
  ] as const) {
    t.ok(overlaps(one, other), `${one.address} ${other.address}`)
    t.ok(overlaps(other, one), `${other.address} ${one.address}`)
  }
  for (const [one, other] of [
    [range('127.0.0.1'), range('::1')],
    [range('127.0.0.1'), range('127.0.0.2')],
    [range('0.0.0.0'), range('::1')],
    [only, range('0.0.0.0')],
    [only, range('127.0.0.1')],
  ] as const) {
    t.notOk(overlaps(one, other), `${one.address} ${other.address}`)
    t.notOk(overlaps(other, one), `${other.address} ${one.address}`)
  }
})
