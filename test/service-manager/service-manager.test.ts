import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { loadLibc } from '../../src/native/libc.ts'
import { startBalancer } from '../support/balancer.ts'
import { request, until } from '../support/clients.ts'
import { missing } from '../support/installed.ts'
import { notifyName, startManaged } from '../support/manager.ts'

const { libc, reason } = loadLibc()
if (libc === undefined) t.test('the notify protocol', { skip: reason }, () => {})
else onLinux(t)

function onLinux(t: Test): void {
  t.test('the manager is notified of readiness, of workers that end and start, and of the shutdown', async (t) => {
    const primary = await startManaged(t, { notify: notifyName() }, { options: { workers: 2 } })
    await primary.untilNotified('READY=1')
    const texts = primary.notified.filter((text) => !text.includes('FDSTORE'))
    t.strictSame(texts.at(-1), 'READY=1\nSTATUS=2 of 2 workers ready')
    t.match(texts[0], /^STATUS=[01] of 2 workers ready$/)
    primary.notified.length = 0
    process.kill(await primary.pid(0), 'SIGKILL')
    await primary.untilNotified('STATUS=1 of 2 workers ready')
    await primary.untilNotified('STATUS=2 of 2 workers ready')
    await primary.scale(3)
    await primary.untilNotified('STATUS=3 of 3 workers ready')
    t.notOk(
      primary.notified.some((text) => text.includes('READY=1')),
      'READY=1 is sent once',
    )
    await primary.close()
    await primary.untilNotified('STOPPING=1')
    t.equal(primary.notified.at(-1), 'STOPPING=1\nSTATUS=closing', 'the last message')
  })

  t.test('the begin and the end of a reload are reported, also when it fails', async (t) => {
    const exec = join(t.testdir({}), 'app.mjs')
    writeFileSync(exec, program)
    // The path of a Unix socket has to be short.
    const folder = mkdtempSync(join(tmpdir(), 'holdfast-'))
    t.teardown(() => rmSync(folder, { recursive: true }))
    const primary = await startManaged(t, { notify: join(folder, 'notify') }, { options: { workers: 1, exec } })
    const words = () =>
      primary.notified.map((text) => text.split('\n')[0]).filter((line) => /^(RELOAD|READY)/.test(line!))
    await primary.untilNotified('READY=1')
    const before = process.hrtime.bigint() / 1000n
    await primary.reload()
    await until('both were sent', () => words().length === 3)
    t.strictSame(words(), ['READY=1', 'RELOADING=1', 'READY=1'])
    const begun = primary.notified.find((text) => text.startsWith('RELOADING=1\n'))!
    const at = BigInt(/^MONOTONIC_USEC=(\d+)$/m.exec(begun)![1]!)
    t.ok(at >= before && at <= process.hrtime.bigint() / 1000n, 'the time is the monotonic clock')
    t.match(begun, /^STATUS=reloading, 1 of 1 workers ready$/m)
    writeFileSync(exec, 'const = 2\n')
    await t.rejects(primary.reload(), { code: 'HOLDFAST_RELOAD_FAILED' })
    await until('both were sent', () => words().length === 5)
    t.strictSame(words().slice(3), ['RELOADING=1', 'READY=1'])
  })

  t.test('the watchdog gets its messages, unless it watches another process', async (t) => {
    const watched = { WATCHDOG_USEC: '40000', WATCHDOG_PID: '$$' }
    const primary = await startManaged(t, { notify: notifyName(), env: watched }, { options: { workers: 1 } })
    await primary.untilNotified('WATCHDOG=1')
    primary.notified.length = 0
    await primary.untilNotified('WATCHDOG=1')
    const other = await startManaged(
      t,
      { notify: notifyName(), env: { WATCHDOG_USEC: '40000', WATCHDOG_PID: '1' } },
      { options: { workers: 1 } },
    )
    await primary.untilNotified('WATCHDOG=1')
    await other.untilNotified('READY=1')
    t.notOk(other.notified.includes('WATCHDOG=1'))
  })

  t.test('the workers inherit none of the variables', async (t) => {
    const env = { WATCHDOG_USEC: '1000000', WATCHDOG_PID: '$$', FDSTORE: '512', LISTEN_PIDFDID: '1', OTHER: 'kept' }
    const primary = await startManaged(
      t,
      { notify: notifyName(), give: 'listener', names: 'web', env },
      { options: { workers: 1 } },
    )
    const { variables } = (await request({ port: primary.port, path: '/environment' })) as unknown as {
      variables: string[]
    }
    t.ok(variables.includes('OTHER'))
    t.strictSame(
      variables.filter((name) => /^(NOTIFY|WATCHDOG|LISTEN|FDSTORE)/.test(name)),
      [],
    )
  })

  t.test('a manager that no longer listens is logged once and changes nothing', async (t) => {
    const balancer = await startBalancer(t, {
      options: { workers: 1 },
      env: { NOTIFY_SOCKET: notifyName(), WATCHDOG_USEC: '20000' },
    })
    await balancer.reload()
    t.match(await request({ port: balancer.port }), { worker: 0 })
    t.equal(balancer.output().split('notify.failed reason=ECONNREFUSED').length, 2)
  })

  t.test('an unknown kind of socket is logged and changes nothing', async (t) => {
    const balancer = await startBalancer(t, { options: { workers: 1 }, env: { NOTIFY_SOCKET: 'vsock:2:1234' } })
    t.match(balancer.output(), /warning notify\.failed reason="NOTIFY_SOCKET is vsock:2:1234"/)
  })

  t.test(
    'without system calls the messages go through systemd-notify',
    { skip: missing('systemd-notify') },
    async (t) => {
      const env = { HOLDFAST_NATIVE: '0' }
      const primary = await startManaged(t, { notify: notifyName(), env }, { options: { workers: 1 } })
      await primary.untilNotified('READY=1')
      t.match(primary.output(), /notify\.fallback program=systemd-notify .*NotifyAccess=all/)
      await primary.reload()
      await until(
        'the reload has ended',
        () => primary.notified.filter((text) => text.includes('READY=1')).length === 2,
      )
      const words = primary.notified
        .flatMap((text) => text.split('\n'))
        .filter((line) => /^(READY|RELOADING)/.test(line))
      t.strictSame(words, ['READY=1', 'RELOADING=1', 'READY=1'])
      await primary.untilNotified(/^MONOTONIC_USEC=\d+$/)
    },
  )

  t.test('a missing systemd-notify as well is logged once', async (t) => {
    const balancer = await startBalancer(t, {
      options: { workers: 1 },
      env: { HOLDFAST_NATIVE: '0', NOTIFY_SOCKET: notifyName(), PATH: '/nowhere' },
    })
    await balancer.reload()
    t.match(await request({ port: balancer.port }), { worker: 0 })
    t.equal(balancer.output().split('notify.failed reason="there is no program systemd-notify"').length, 2)
  })
}

t.test('PM2 gets one ready message, from the primary', async (t) => {
  const fixture = new URL('../fixtures/careless-app.js', import.meta.url)
  const env = { ...process.env, pm_id: '0', FIXTURE_OPTIONS: JSON.stringify({ port: 0, workers: 1 }) }
  const child = fork(fixture, [], { env, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
  const exited = once(child, 'exit')
  t.teardown(() => child.kill('SIGKILL'))
  let log = ''
  child.stderr!.on('data', (chunk: Buffer) => (log += chunk.toString()))
  const messages: unknown[] = []
  child.on('message', (message) => messages.push(message))
  await until('it is ready', () => messages.length > 0)
  t.strictSame(messages, ['ready'])
  t.match(log, /balancer\.ready/)
  // As PM2 ends it.
  child.kill('SIGINT')
  t.strictSame(await exited, [0, null])
})

const program = `import http from 'node:http'
import { stickyListen } from '${new URL('../../src/index.js', import.meta.url).href}'
stickyListen(http.createServer((_, response) => response.end('{}')), {})
`
