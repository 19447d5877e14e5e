import t from 'tap'
import { readSettings } from '../../src/options/settings.ts'

const read = (proxyProtocol: unknown) => readSettings({ workers: 1, proxyProtocol } as never).proxyProtocol

t.test('the PROXY protocol is off by default', async (t) => {
  t.equal(readSettings({}).proxyProtocol, undefined)
  t.equal(read(false), undefined)
})

t.test('trust takes addresses and networks of both families', async (t) => {
  const settings = read({ trust: ['10.0.0.0/8', '192.0.2.7', '2001:db8::/32', '::1'] })
  const trusts = (address: string) => settings?.trusted.check(address, address.includes(':') ? 'ipv6' : 'ipv4')
  for (const address of ['10.9.8.7', '192.0.2.7', '2001:db8:1::1', '::1']) t.equal(trusts(address), true, address)
  for (const address of ['11.0.0.1', '192.0.2.8', '2001:db9::1', '::2']) t.equal(trusts(address), false, address)
  t.match(settings, { timeout: 5_000, maxHeader: 4_096, maxWaiting: 1_024 })
})

t.test('an invalid option is refused with an example of a valid one', async (t) => {
  const cases: [unknown, RegExp][] = [
    [true, /proxyProtocol: expected an object, got true/],
    [
      {},
      /proxyProtocol\.trust: expected the addresses of your proxies, got undefined; write proxyProtocol: \{ trust: \['10\.0\.0\.0\/8'/,
    ],
    [{ trust: [] }, /trust: expected the addresses of your proxies, got \[\]/],
    [{ trust: '10.0.0.0/8' }, /trust: expected an array of strings/],
    [{ trust: ['10.0.0.0/33'] }, /trust: expected addresses and CIDR networks, got '10\.0\.0\.0\/33'/],
    [{ trust: ['proxy.example'] }, /got 'proxy\.example'/],
    [{ trust: ['fe80::1%eth0'] }, /got 'fe80::1%eth0'/],
    [{ trust: ['::1/'] }, /got '::1\/'/],
    [{ trust: ['::1'], timeout: 0 }, /timeout: expected an integer from 1 to/],
    [{ trust: ['::1'], maxHeader: 100 }, /maxHeader: expected an integer from 232 to 59997/],
    [{ trust: ['::1'], trusted: 1 }, /unknown option 'trusted'; did you mean 'trust'\?/],
  ]
  for (const [given, message] of cases) t.throws(() => read(given), { code: 'HOLDFAST_BAD_OPTION', message })
})
