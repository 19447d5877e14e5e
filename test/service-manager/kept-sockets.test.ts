import type net from 'node:net'
import t, { type Test } from 'tap'
import { loadLibc } from '../../src/native/libc.ts'
import { dial, freePort, loopback, request } from '../support/clients.ts'
import { notifyName, startManaged, type Managed } from '../support/manager.ts'

const { libc, reason } = loadLibc()
if (libc === undefined) t.test('sockets passed by a service manager', { skip: reason }, () => {})
else onLinux(t)

function onLinux(t: Test): void {
  t.test('a passed socket is used, and the port option is ignored', async (t) => {
    const other = await freePort()
    const primary = await startManaged(t, { give: 'listener' }, { options: { workers: 1, port: other } })
    t.not(primary.port, other)
    t.match(primary.address, { address: '::', family: 'IPv6' })
    t.match(await request({ port: primary.port }), { worker: 0 })
    await t.rejects(dial(other), { code: 'ECONNREFUSED' })
  })

  t.test("'auto' takes the steering that fits the passed sockets", async (t) => {
    const options = { workers: 1, steering: 'auto' } as const
    const one = await startManaged(t, { give: 'listener' }, { options })
    t.match((await one.status()).steering, { name: 'handoff', reason: 'one listening socket was passed in' })
    const many = await startManaged(t, { give: 'group', names: 'slots' }, { options })
    t.match((await many.status()).steering, { name: 'kernel' })
    t.match(many.address, { address: '::', family: 'IPv6', port: many.port })
  })

  t.test('with several ports, each gets one of the passed sockets', async (t) => {
    const primary = await startManaged(t, { give: 'two' }, { options: { workers: 1, port: [1, 2] } })
    const { addresses } = await primary.status()
    t.equal(addresses.length, 2)
    for (const { port } of addresses as net.AddressInfo[]) {
      t.ok(port > 2)
      t.match(await request({ port }), { worker: 0 })
    }
  })

  t.test('the sockets of several ports are kept for the next primary', async (t) => {
    const port = [await freePort(), await freePort(), 0]
    const primary = await startManaged(t, { notify: notifyName() }, { options: { workers: 1, port } })
    const { addresses } = await primary.status()
    await primary.restart()
    t.equal(primary.output().match(/activation\.inherited sockets=1/g)?.length, 3)
    t.strictSame((await primary.status()).addresses, addresses)
    for (const one of addresses as net.AddressInfo[]) t.match(await request({ port: one.port }), { worker: 0 })
    const fewer = { FIXTURE_OPTIONS: JSON.stringify({ workers: 1, port: port.slice(0, 1) }) }
    await primary.restart({ env: fewer })
    t.match(primary.output(), 'activation.discarded sockets=2 reason="they were opened with other options"')
    await t.rejects(dial(port[1]!), { code: 'ECONNREFUSED' })
  })

  for (const [steering, change] of [
    ['handoff', { host: '127.0.0.1' }],
    ['kernel', { affinity: { seed: 7 } }],
  ] as const) {
    t.test(`sockets that were opened with other options are replaced, on the same port: ${steering}`, async (t) => {
      const options = { workers: 1, steering, port: await freePort() }
      const primary = await startManaged(t, { notify: notifyName() }, { options })
      await primary.restart({ env: { FIXTURE_OPTIONS: JSON.stringify({ ...options, ...change }) } })
      const sockets = steering === 'handoff' ? 1 : 256
      const given = `activation.discarded sockets=${sockets} reason="they were opened with other options"`
      t.equal(await reachesExplainedWorker(primary), true)
      await primary.restart()
      t.match(primary.output(), `activation.inherited sockets=${sockets}`)
      t.equal(await reachesExplainedWorker(primary), true)
      t.equal(primary.output().split(given).length, 2, 'it is logged once')
    })
  }

  t.test('slot sockets are replaced when some of them are missing', async (t) => {
    const options = { workers: 2, steering: 'kernel' as const, port: await freePort() }
    const primary = await startManaged(t, { notify: notifyName() }, { options })
    await primary.restart({ lose: 3 })
    t.match(primary.output(), 'activation.discarded sockets=253 reason="some of the sockets are missing"')
    t.equal(await reachesExplainedWorker(primary), true)
  })

  t.test('a manager that keeps only some of the sockets does no harm', async (t) => {
    const options = { workers: 2, steering: 'kernel' as const, port: await freePort() }
    const primary = await startManaged(t, { notify: notifyName(), keeps: 100 }, { options })
    await primary.restart({ signal: 'SIGTERM' })
    t.match(primary.output(), 'activation.discarded sockets=100 reason="some of the sockets are missing"')
    t.equal(await reachesExplainedWorker(primary), true)
  })

  t.test('sockets that cannot be used are an error, which names the sockets that can', async (t) => {
    const fits =
      /: hand-off needs one listening socket, kernel steering 256 of one name in the order of the slots; got 2$/
    const cases = [
      ['two', 'auto', '1', fits],
      ['group', 'handoff', '1', /: hand-off needs one .*; got 256$/],
      ['listener', 'kernel', '1', /: hand-off needs one .*; got 1$/],
      ['file', 'handoff', '1', /: descriptor 3 is not a socket$/],
      ['udp', 'handoff', '0', /: descriptor 3 is not a listening TCP socket: /],
      ['unix', 'handoff', '0', /: descriptor 3 is not a listening TCP socket: it has no port$/],
    ] as const
    for (const [give, steering, native, message] of cases) {
      const setup = { give, env: { HOLDFAST_NATIVE: native } }
      const failure = await startManaged(t, setup, { options: { steering, workers: 1 } }).catch((e: unknown) => e)
      t.match(failure, { code: 'HOLDFAST_BAD_ACTIVATION', message }, `${give}, ${steering}`)
    }
  })

  t.test('descriptors for another process are ignored, with a warning', async (t) => {
    const env = { LISTEN_PID: '1' }
    const primary = await startManaged(t, { give: 'listener', env }, { options: { workers: 1 } })
    t.match(
      primary.output(),
      /warning activation\.ignored hint="LISTEN_PID is 1, this process is \d+: let the service manager start node/,
    )
    t.match(await request({ port: primary.port }), { worker: 0 })
  })
}

/** Whether new clients reach the worker that explain() names. */
async function reachesExplainedWorker({ port, explain }: Managed): Promise<boolean> {
  for (let n = 0; n < 20; n++) {
    const from = loopback(n * 977)
    if ((await request({ port, from })).worker !== (await explain(from)).worker) return false
  }
  return true
}
