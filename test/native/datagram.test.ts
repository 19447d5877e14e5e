import { closeSync, fstatSync, openSync } from 'node:fs'
import { constants } from 'node:os'
import t, { type Test } from 'tap'
import { AF_UNIX, EAGAIN, SOCK_DGRAM } from '../../src/native/constants.ts'
import { sendDatagram, unixAddress } from '../../src/native/datagram.ts'
import { loadLibc, type Libc } from '../../src/native/libc.ts'
import { descriptorReader } from '../../src/native/scm-rights.ts'

t.test('an address is a path or an abstract name', async (t) => {
  t.equal(unixAddress('/run/x')!.toString('hex'), `0100${Buffer.from('/run/x').toString('hex')}00`)
  t.equal(unixAddress('@x')!.toString('hex'), '01000078', 'with a NUL in place of the @, and none at the end')
  t.ok(unixAddress(`/${'x'.repeat(106)}`))
  for (const wrong of ['', 'relative', 'vsock:2:1234', `/${'x'.repeat(107)}`, `@${'x'.repeat(108)}`]) {
    t.equal(unixAddress(wrong), undefined, wrong)
  }
})

const { libc, reason } = loadLibc()
if (libc === undefined) t.test('datagrams', { skip: reason }, () => {})
else onLinux(t, libc)

function onLinux(t: Test, libc: Libc): void {
  const address = unixAddress(`@holdfast-test-datagram-${process.pid}`)!

  t.test('text and descriptors arrive, no call waits, and a failure is an error number', async (t) => {
    t.equal(sendDatagram(libc, address, 'no receiver'), -constants.errno.ECONNREFUSED)
    const receiver = libc.socket(AF_UNIX, SOCK_DGRAM, 0)
    t.equal(libc.bind(receiver, address, address.length), 0)
    const file = openSync('/dev/null', 'r')
    t.equal(sendDatagram(libc, address, 'grüße', [file]), 7)
    const reader = descriptorReader(libc, 100)
    t.equal(reader.receive(receiver), 7)
    t.equal(reader.body.toString('utf8', 0, 7), 'grüße')
    t.equal(fstatSync(reader.descriptors[0]!).rdev, fstatSync(file).rdev)
    for (const fd of [...reader.descriptors, file]) closeSync(fd)
    let sent = 0
    while (sent >= 0) sent = sendDatagram(libc, address, 'more')
    t.equal(sent, -EAGAIN, 'the queue is full')
    closeSync(receiver)
    t.equal(sendDatagram(libc, address, 'no receiver'), -constants.errno.ECONNREFUSED)
  })
}
