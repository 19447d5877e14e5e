import t from 'tap'
import { listenPort } from '../../src/command/listen-port.ts'

t.test('it is found in all that net.Server.listen takes', async (t) => {
  for (const args of [[80], ['80'], [80, '::'], [80, () => {}], [{ port: 80 }], [{ port: '80', host: 'a' }]]) {
    t.equal(listenPort(args), 80)
  }
  t.equal(listenPort([0]), 0)
  for (const args of [[], [undefined], [null], ['/tmp/socket'], [() => {}], [{ path: '/a' }], [{ fd: 3 }], [{}]]) {
    t.equal(listenPort(args), undefined)
  }
  t.equal(listenPort([{ path: '/a', port: 80 }]), undefined)
  t.equal(listenPort([{ _handle: {} }]), undefined)
})
