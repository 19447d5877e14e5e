import { BlockList } from 'node:net'
import t from 'tap'
import { addNetwork, isListed, listOf } from '../../src/options/networks.ts'

t.test('an address is listed in its network, in every form in which Node reports it', async (t) => {
  const list = listOf(['10.0.0.0/8', ' 192.0.2.7 ', '2001:db8::/32', '::1', 'fe80::/10', 'no network'])
  for (const address of ['10.9.8.7', '::ffff:10.9.8.7', '192.0.2.7', '2001:db8::1', '::1', 'fe80::1%eth0']) {
    t.equal(isListed(list, address), true, address)
  }
  for (const address of ['11.0.0.1', '::ffff:11.0.0.1', '192.0.2.8', '2001:db9::1', '::2', 'x', '', undefined]) {
    t.equal(isListed(list, address), false, String(address))
  }
  t.equal(isListed(listOf([]), '127.0.0.1'), false)
  t.equal(isListed(listOf(['0.0.0.0/0']), '::1'), false)
})

t.test('what is no network is not added', async (t) => {
  const list = new BlockList()
  for (const text of [
    '',
    'proxy.example',
    '10.0.0.0/33',
    '::1/129',
    '::1/',
    '10.0.0.0/8/8',
    'fe80::1%eth0',
    '10.0.0',
  ]) {
    t.equal(addNetwork(list, text), false, text)
  }
  t.strictSame(list.rules, [])
})
