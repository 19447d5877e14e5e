import t, { type Test } from 'tap'
import { loadLibc } from '../../src/native/libc.ts'
import { dial, freePort, loopback, request } from '../support/clients.ts'
import { notifyName, startManaged, type Managed } from '../support/manager.ts'

const { libc, reason } = loadLibc()
if (libc === undefined) t.test('sockets passed by a manager', { skip: reason }, () => {})
else onLinux(t)

function onLinux(t: Test): void {
  t.test('the one socket that is passed in is used as it is: the port option does not count', async (t) => {
    const other = await freePort()
    const primary = await startManaged(t, { give: 'listener' }, { options: { workers: 1, port: other } })
    t.not(primary.port, other)
    t.match(primary.address, { address: '::', family: 'IPv6' })
    t.match(await request({ port: primary.port }), { worker: 0 })
    await t.rejects(dial(other), { code: 'ECONNREFUSED' })
  })

  t.test("'auto' takes the steering that fits what is passed in", async (t) => {
    const options = { workers: 1, steering: 'auto' } as const
    const one = await startManaged(t, { give: 'listener' }, { options })
    t.match((await one.status()).steering, { name: 'handoff', reason: 'one listening socket was passed in' })
    const many = await startManaged(t, { give: 'group', names: 'slots' }, { options })
    t.match((await many.status()).steering, { name: 'kernel' })
    t.match(many.address, { address: '::', family: 'IPv6', port: many.port })
  })

  for (const [steering, change] of [
    ['handoff', { host: '127.0.0.1' }],
    ['kernel', { affinity: { seed: 7 } }],
  ] as const) {
    t.test(`sockets for other options are given up and new ones stored, on the same port: ${steering}`, async (t) => {
      const options = { workers: 1, steering, port: await freePort() }
      const primary = await startManaged(t, { notify: notifyName() }, { options })
      await primary.restart({ env: { FIXTURE_OPTIONS: JSON.stringify({ ...options, ...change }) } })
      const sockets = steering === 'handoff' ? 1 : 256
      const given = `activation.discarded sockets=${sockets} reason="they are for other options"`
      t.equal(await landsWhereExplained(primary), true)
      await primary.restart()
      t.match(primary.output(), `activation.inherited sockets=${sockets}`)
      t.equal(await landsWhereExplained(primary), true)
      t.equal(primary.output().split(given).length, 2, 'it is said once')
    })
  }

  t.test('slot sockets that are not complete are given up', async (t) => {
    const options = { workers: 2, steering: 'kernel' as const, port: await freePort() }
    const primary = await startManaged(t, { notify: notifyName() }, { options })
    await primary.restart({ lose: 3 })
    t.match(primary.output(), 'activation.discarded sockets=253 reason="they are not complete"')
    t.equal(await landsWhereExplained(primary), true)
  })

  t.test('a manager that keeps only some is no worse than one that keeps none', async (t) => {
    const options = { workers: 2, steering: 'kernel' as const, port: await freePort() }
    const primary = await startManaged(t, { notify: notifyName(), keeps: 100 }, { options })
    await primary.restart({ signal: 'SIGTERM' })
    t.match(primary.output(), 'activation.discarded sockets=100 reason="they are not complete"')
    t.equal(await landsWhereExplained(primary), true)
  })

  t.test('what does not fit is an error that says what would', async (t) => {
    const fits = /: 2 came; hand-off takes one listening socket, kernel steering 256 of one name, slot by slot$/
    const cases = [
      ['two', 'auto', '1', fits],
      ['group', 'handoff', '1', /: 256 came; hand-off takes one/],
      ['listener', 'kernel', '1', /: 1 came; hand-off takes one/],
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

  t.test('descriptors that are for another process are left alone, and it is mentioned', async (t) => {
    const env = { LISTEN_PID: '1' }
    const primary = await startManaged(t, { give: 'listener', env }, { options: { workers: 1 } })
    t.match(
      primary.output(),
      /warning activation\.ignored hint="LISTEN_PID is 1, this is \d+: let the manager start node/,
    )
    t.match(await request({ port: primary.port }), { worker: 0 })
  })
}

/** Whether new clients do. */
async function landsWhereExplained({ port, explain }: Managed): Promise<boolean> {
  for (let n = 0; n < 20; n++) {
    const from = loopback(n * 977)
    if ((await request({ port, from })).worker !== (await explain(from)).worker) return false
  }
  return true
}
