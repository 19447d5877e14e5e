import t, { type Test } from 'tap'
import { steeringProgram, type Instruction } from '../../../src/native/cbpf.ts'
import {
  AF_INET6,
  IPPROTO_TCP,
  SO_REUSEPORT,
  SOCK_CLOEXEC,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_INFO,
} from '../../../src/native/constants.ts'
import { loadLibc, type Libc } from '../../../src/native/libc.ts'
import { openGroup } from '../../../src/native/reuseport.ts'
import { selfTest } from '../../../src/steering/kernel/self-test.ts'
import { startBalancer } from '../../support/balancer.ts'
import { dial, loopback, pool, request, until } from '../../support/clients.ts'

const { libc, reason } = loadLibc()
const affinity = { ipv4Prefix: 32, ipv6Prefix: 64, seed: 0 }

if (libc === undefined) t.test('kernel steering', { skip: reason }, () => {})
else onLinux(t, libc)

function onLinux(t: Test, libc: Libc): void {
  for (const affinity of [{}, { ipv4Prefix: 24 }, { seed: 'a secret' }, { ipv4Prefix: 30, ipv6Prefix: 48, seed: 77 }]) {
    t.test(`2,000 real connections agree with explain(): ${JSON.stringify(affinity)}`, async (t) => {
      const options = { workers: 4, steering: 'kernel' as const, affinity }
      const { port, explain } = await startBalancer(t, { options })
      const sources = Array.from({ length: 500 }, (_, n) => loopback(n * 131))
      const explained = new Map<string, number>()
      for (const from of [...sources, '::1']) explained.set(from, (await explain(from)).worker)
      let wrong = 0
      const visit = (from: string) => async () => {
        const { worker } = await request({ port, from })
        if (worker !== explained.get(from)) wrong++
      }
      await pool(
        Array.from({ length: 2000 }, (_, n) => visit(n % 50 === 0 ? '::1' : sources[n % 500]!)),
        64,
      )
      t.equal(wrong, 0)
    })
  }

  t.test('a second balancer on the port is refused with a code', async (t) => {
    const { port } = await startBalancer(t, { options: { workers: 1, steering: 'kernel' } })
    for (const steering of ['kernel', 'handoff'] as const) {
      const second = await startBalancer(t, { options: { port, steering } }).catch((error: unknown) => error)
      t.match(second, { code: 'HOLDFAST_PORT_IN_USE' }, steering)
    }
  })

  t.test('a port that another process shares with SO_REUSEPORT is refused', async (t) => {
    const program = steeringProgram(affinity) as Instruction[]
    const group = openGroup(libc, { address: Buffer.alloc(16), port: 0, backlog: 1, program })
    t.teardown(() => group.close())
    const second = await startBalancer(t, { options: { port: group.port, steering: 'kernel' } }).catch(
      (e: unknown) => e,
    )
    t.match(second, { code: 'HOLDFAST_PORT_IN_USE' })
  })

  t.test('a process that binds the port with SO_REUSEPORT later gets no connection', async (t) => {
    const { port, explain } = await startBalancer(t, { options: { workers: 2, steering: 'kernel' } })
    const stranger = listenShared(libc, port)
    t.teardown(() => libc.close(stranger.fd))
    let wrong = 0
    const visit = (n: number) => async () => {
      const { worker } = await request({ port, from: loopback(n) })
      if (worker !== (await explain(loopback(n))).worker) wrong++
    }
    await pool(
      Array.from({ length: 1000 }, (_, n) => visit(n)),
      64,
    )
    t.equal(wrong, 0, 'every client reaches its worker')
    t.equal(stranger.queued(), 0, 'the stranger has nothing in its queue')
  })

  t.test('queued connections move with their slot when a worker stays down, and all are served', async (t) => {
    const options = {
      workers: 2,
      steering: 'kernel' as const,
      limits: { holdTimeout: 300 },
      restart: { minDelay: 60_000, maxDelay: 60_000 },
    }
    const balancer = await startBalancer(t, { options })
    const exited = balancer.event('worker:exit')
    process.kill(await balancer.pid(0), 'SIGKILL')
    await exited
    const replies = await Promise.all(
      Array.from({ length: 100 }, (_, n) => request({ port: balancer.port, from: loopback(n) })),
    )
    t.ok(replies.every(({ worker }) => worker === 1))
  })

  t.test("the length of each slot's queue is in the status", async (t) => {
    const balancer = await startBalancer(t, { options: { workers: 1, steering: 'kernel' } })
    const pid = await balancer.pid(0)
    process.kill(pid, 'SIGSTOP')
    const { slot } = await balancer.explain('127.0.0.1')
    const sockets = await Promise.all([1, 2, 3].map(() => dial(balancer.port, '127.0.0.1')))
    await until('they are queued', async () => (await balancer.status()).queues?.[slot] === 3)
    const { connections, workers } = await balancer.status()
    t.equal(connections.pending, 3)
    t.equal(workers[0]!.pending, 3)
    process.kill(pid, 'SIGCONT')
    await until('they are accepted', async () => (await balancer.status()).queues?.[slot] === 0)
    for (const socket of sockets) socket.destroy()
  })

  t.test(
    "where kernel steering does not work, 'kernel' fails with the reason, and 'auto' takes hand-off",
    async (t) => {
      const cases = [
        [{ env: { HOLDFAST_NATIVE: '0' } }, /switched off by HOLDFAST_NATIVE=0/],
        [{ options: { affinity: { ipv6Prefix: 96 } } }, /16 bytes/],
        [{ options: { limits: { maxPerAddress: 5 } } }, /limits.maxPerAddress needs the primary/],
      ] as const
      for (const [setup, reason] of cases) {
        const options = 'options' in setup ? setup.options : {}
        const env = 'env' in setup ? setup.env : {}
        const start = (steering: 'kernel' | 'auto') =>
          startBalancer(t, { env, options: { ...options, workers: 1, steering } })
        const failure = await start('kernel').catch((error: unknown) => error)
        t.match(failure, { code: 'HOLDFAST_KERNEL_STEERING', message: reason })
        const auto = await start('auto')
        t.match((await auto.status()).steering, { name: 'handoff', reason })
        t.match(auto.output(), /balancer\.ready .*steering=handoff/)
      }
    },
  )

  t.test('the self-test finds a program that steers in another way', async (t) => {
    const right = steeringProgram(affinity) as Instruction[]
    t.equal(await selfTest(libc, right, affinity, true), undefined)
    const other = steeringProgram({ ...affinity, seed: 1 }) as Instruction[]
    t.match(await selfTest(libc, other, affinity, true), /belongs to slot \d+, the kernel put it into \d+/)
    // A program that loads from beyond the packet returns 0 for every client.
    const broken = right.map((instruction) => ({
      ...instruction,
      k: instruction.code === 0x30 ? 0x7fff : instruction.k,
    }))
    t.match(await selfTest(libc, broken, affinity, false), /the kernel put it into 0/)
  })

  t.test('a program that the kernel refuses is reported with the call that failed', async (t) => {
    t.match(
      await selfTest(libc, [{ code: 0x07, jt: 0, jf: 0, k: 0 }], affinity, false),
      /SO_ATTACH_REUSEPORT_CBPF: EINVAL/,
    )
  })
}

/** A listening socket that shares the port, as another program of the same user could open it. */
function listenShared(libc: Libc, port: number): { fd: number; queued: () => number } {
  const fd = libc.socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0)
  const one = Buffer.from([1, 0, 0, 0])
  libc.setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, one, 4)
  const sockaddr = Buffer.alloc(28)
  sockaddr.writeUInt16LE(AF_INET6, 0)
  sockaddr.writeUInt16BE(port, 2)
  if (libc.bind(fd, sockaddr, 28) !== 0 || libc.listen(fd, 100) !== 0) throw new Error('the port could not be shared')
  return {
    fd,
    queued() {
      const info = Buffer.alloc(28)
      const length = Buffer.from([28, 0, 0, 0])
      libc.getsockopt(fd, IPPROTO_TCP, TCP_INFO, info, length)
      return info.readUInt32LE(24)
    },
  }
}
