import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import net from 'node:net'
import t, { type Test } from 'tap'
import {
  AF_INET,
  AF_UNIX,
  F_GETFL,
  FD_CLOEXEC,
  O_NONBLOCK,
  SOCK_DGRAM,
  SOCK_STREAM,
} from '../../src/native/constants.ts'
import { loadLibc, type Libc } from '../../src/native/libc.ts'
import { addressOf, listeningProblem, setSocketFlags, sharesPort } from '../../src/native/listening.ts'
import { handleOf } from '../../src/native/tcp-handle.ts'

const { libc, reason } = loadLibc()
if (libc === undefined) t.test('sockets of another process', { skip: reason }, () => {})
else onLinux(t, libc)

function onLinux(t: Test, libc: Libc): void {
  const problem = (fd: number, calls: Libc | undefined = libc) => {
    t.teardown(() => closeSync(fd))
    return listeningProblem(calls, fd)
  }

  t.test('a descriptor that is not a listening TCP socket is reported with the reason', async (t) => {
    t.equal(listeningProblem(libc, 9999), 'is not open')
    t.equal(problem(openSync('/dev/null', 'r')), 'is not a socket')
    t.equal(problem(libc.socket(AF_UNIX, SOCK_STREAM, 0)), 'is not a TCP socket')
    t.equal(problem(libc.socket(AF_INET, SOCK_DGRAM, 0)), 'is not a TCP socket')
    t.equal(problem(libc.socket(AF_INET, SOCK_STREAM, 0)), 'does not listen')
    t.equal(listeningProblem(undefined, 9999), 'is not open', 'without system calls too')
  })

  for (const host of ['127.0.0.1', '::', '::1', '::ffff:127.0.0.1']) {
    t.test(`the address is the one that Node reports: ${host}`, async (t) => {
      const server = net.createServer().listen(0, host)
      await once(server, 'listening')
      t.teardown(() => server.close())
      const { fd } = handleOf(server)!
      t.equal(listeningProblem(libc, fd), undefined)
      t.equal(sharesPort(libc, fd), false)
      const { address, ...rest } = server.address() as net.AddressInfo
      t.match(addressOf(libc, fd), rest)
      // Node writes the last part of a mapped address with dots.
      t.ok(net.isIP(addressOf(libc, fd).address))
      if (!host.includes('ffff')) t.equal(addressOf(libc, fd).address, address)
    })
  }

  t.test('an inherited socket never blocks this process', async () => {
    const fd = libc.socket(AF_INET, SOCK_STREAM, 0)
    t.teardown(() => closeSync(fd))
    setSocketFlags(libc, fd)
    const F_GETFD = 1
    t.equal(libc.fcntl(fd, F_GETFD, 0), FD_CLOEXEC, 'child processes do not inherit it')
    t.equal(libc.fcntl(fd, F_GETFL, 0) & O_NONBLOCK, O_NONBLOCK)
  })
}
