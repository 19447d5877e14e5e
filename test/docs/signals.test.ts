// The tables of docs/signals.md, row by row.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { WebSocket } from 'ws'
import { startBalancer, type Balancer } from '../support/balancer.ts'
import { isAlive, request, until } from '../support/clients.ts'
import { missing } from '../support/installed.ts'
import { descendants } from '../support/program.ts'
import { upload } from '../support/upload.ts'

const app = fileURLToPath(new URL('../fixtures/app.js', import.meta.url))

const pids = async (balancer: Balancer) => (await balancer.status()).workers.map(({ pid }) => pid!)
const states = async (balancer: Balancer) => (await balancer.status()).workers.map(({ state }) => state)

t.test('signals that change something, and signals that change nothing', async (t) => {
  const balancer = await startBalancer(t, {
    options: { workers: 2, reload: { grace: 0, spread: 0 }, restart: { minDelay: 1 } },
    env: { NODE_OPTIONS: '--inspect-port=0' },
  })
  const { child, port } = balancer

  for (const [i, signal] of (['SIGHUP', 'SIGUSR2'] as const).entries()) {
    await t.test(`${signal} replaces every worker by a new process`, async (t) => {
      const before = await pids(balancer)
      child.kill(signal)
      await until('it is done', () => balancer.output().match(/reload\.done/g)?.length === i + 1)
      const after = await pids(balancer)
      t.notOk(after.some((pid) => before.includes(pid)))
      t.strictSame(await states(balancer), ['ready', 'ready'])
    })
  }

  await t.test('SIGTTIN adds a worker, SIGTTOU removes one, and the last one stays', async (t) => {
    const [first] = await pids(balancer)
    const done = (times: number) => until('it is done', () => balancer.output().match(/scale\.done/g)?.length === times)
    child.kill('SIGTTIN')
    await done(1)
    t.equal((await pids(balancer)).length, 3)
    child.kill('SIGTTOU')
    await done(2)
    child.kill('SIGTTOU')
    await done(3)
    child.kill('SIGTTOU')
    await done(4)
    t.strictSame(await pids(balancer), [first])
  })

  await t.test('signals that come during a reload or a scaling add up', async (t) => {
    const before = await pids(balancer)
    const done = () => balancer.output().match(/scale\.done/g)?.length ?? 0
    const was = done()
    // The system may deliver signals that wait together in any order, so each is sent when the one before has come.
    for (const signal of ['SIGHUP', 'SIGTTIN', 'SIGTTOU'] as const) {
      const received = () => balancer.output().split(`balancer.signal signal=${signal}`).length
      const others = received()
      child.kill(signal)
      await until(`${signal} is received`, () => received() > others)
    }
    await until('both are done', () => done() === was + 2)
    t.equal((await pids(balancer)).length, before.length)
  })

  await t.test('SIGUSR1 is left to Node, which opens its debugger', async (t) => {
    const before = await pids(balancer)
    child.kill('SIGUSR1')
    await until('the debugger is open', () => /^Debugger listening on /m.test(balancer.output()))
    t.match(await request({ port }), { pid: before[0] })
    t.strictSame(await pids(balancer), before)
  })

  await t.test('a worker ignores SIGINT and SIGHUP, which reach all processes of a terminal', async (t) => {
    const before = await pids(balancer)
    process.kill(before[0]!, 'SIGINT')
    process.kill(before[0]!, 'SIGHUP')
    t.match(await request({ port }), { pid: before[0] })
    t.strictSame([await pids(balancer), await states(balancer)], [before, ['ready']])
  })

  await t.test(
    'SIGTERM lets a worker finish, SIGKILL does not, and each time another process takes over',
    async (t) => {
      const [first] = await pids(balancer)
      const served = await upload(port)
      process.kill(first!, 'SIGTERM')
      await until('another one serves', async () => (await request({ port })).pid !== first)
      t.match(await served.finish(), { pid: first, bytes: 8 })
      await until('the primary has ended', () => balancer.output().includes(`worker.exit worker=0 pid=${first} code=0`))

      const [second] = await pids(balancer)
      const lost = await upload(port)
      process.kill(second!, 'SIGKILL')
      await t.rejects(lost.answer, { code: 'ECONNRESET' })
      t.not((await request({ port })).pid, second, 'a client that connects meanwhile waits for the next process')
    },
  )

  await t.test('after SIGTERM all requests finish, an echo changes nothing, and the exit code is 0', async (t) => {
    const served = await upload(port)
    child.kill('SIGTERM')
    child.kill('SIGTERM')
    await until('no connection is accepted', () => balancer.output().includes('balancer.close'))
    t.match(await served.finish(), { bytes: 8 })
    t.strictSame(await balancer.exited, { code: 0, signal: null })
  })
})

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  t.test(`${signal} to every process and once more to the primary is one orderly shutdown`, async (t) => {
    const balancer = await startBalancer(t, { kind: 'ws', options: { workers: 2 }, env: { HOLDFAST_LOG: 'debug' } })
    const { child, port } = balancer
    const all = await pids(balancer)
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
    const closed = once(socket, 'close')
    await once(socket, 'open')
    const served = await upload(port)
    for (const pid of [...all, child.pid!, child.pid!]) process.kill(pid, signal)
    t.equal((await closed)[0], 1001, 'a WebSocket closes with the code "going away"')
    t.match(await served.finish(), { bytes: 8 })
    t.strictSame(await balancer.exited, { code: 0, signal: null })
    t.notOk(all.some(isAlive))
    t.notMatch(balancer.output(), /warning|error|second=true/)
    t.equal(balancer.output().match(/worker\.start /g)?.length, 2, 'no process is started meanwhile')
  })
}

t.test('a second signal ends all processes at once, with code 1', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 2 } })
  const all = await pids(balancer)
  const { answer } = await upload(balancer.port)
  // The first signals count as one signal and its echoes.
  await until('the primary has ended', () => !balancer.child.kill('SIGTERM'))
  t.strictSame(await balancer.exited, { code: 1, signal: null })
  await t.rejects(answer, { code: 'ECONNRESET' })
  await until('the workers are gone', () => !all.some(isAlive))
  t.match(balancer.output(), /balancer\.signal signal=SIGTERM\n[^]*balancer\.signal signal=SIGTERM second=true/)
})

t.test('a process that does not finish by the deadline is killed, with code 1', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 2, shutdown: { deadline: 100 } } })
  const all = await pids(balancer)
  const { answer } = await upload(balancer.port)
  balancer.child.kill('SIGTERM')
  await t.rejects(answer, { code: 'ECONNRESET' })
  t.strictSame(await balancer.exited, { code: 1, signal: null })
  t.notOk(all.some(isAlive))
  t.match(balancer.output(), /balancer\.closed clean=false/)
})

t.test('an uncaught error ends the primary with code 1, and its workers finish', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 2 } })
  const { child, port } = balancer
  const all = await pids(balancer)
  child.send('catch')
  child.send('throw')
  await until('the application has caught it', () => balancer.output().includes('caught: asked to throw'))
  t.ok(all.includes((await request({ port })).pid), 'an application with a handler of its own goes on')
  t.strictSame(await pids(balancer), all)

  const served = await upload(port)
  child.send('throw')
  t.strictSame(await balancer.exited, { code: 1, signal: null })
  t.match(balancer.output(), /balancer\.uncaught error="asked to throw" origin=uncaughtException/)
  t.match(await served.finish(), { bytes: 8 })
  await until('the workers are gone', () => !all.some(isAlive))
})

t.test(
  'when the primary is killed, workers finish their requests, and workers that are still starting end too',
  async (t) => {
    const balancer = await startBalancer(t, { fixture: 'starting-app', options: { workers: 1 } })
    balancer.scale(3).catch(() => {}) // the new worker never becomes ready
    const served = await upload(balancer.port)
    await until(
      'two workers are starting',
      () => /waiting/.test(balancer.output()) && /loading/.test(balancer.output()),
    )
    const all = descendants(balancer.child.pid!)
    t.equal(all.length, 3)
    balancer.child.kill('SIGKILL')
    await balancer.exited
    t.match(await served.finish(), { worker: '0' })
    await until('they are gone', () => !all.some(isAlive))
  },
)

t.test(
  'with a terminal, SIGHUP ends the program, because the terminal was closed',
  { skip: missing('script') },
  async (t) => {
    const inTerminal = async () => {
      const script = spawn('script', ['-qec', `exec ${process.execPath} ${app}`, '/dev/null'], {
        env: { ...process.env, FIXTURE_OPTIONS: JSON.stringify({ port: 0, workers: 1 }) },
      })
      t.teardown(() => script.kill('SIGKILL'))
      let output = ''
      script.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
      await until('it is ready', () => output.includes('balancer.ready'))
      const all = descendants(script.pid!)
      t.teardown(() => all.filter(isAlive).forEach((pid) => process.kill(pid, 'SIGKILL')))
      t.equal(all.length, 2)
      return { script, all, output: () => output }
    }

    const asked = await inTerminal()
    const exited = once(asked.script, 'close')
    process.kill(asked.all[0]!, 'SIGHUP')
    t.strictSame(await exited, [0, null])
    t.match(asked.output(), /balancer\.signal signal=SIGHUP[^]*balancer\.closed clean=true/)
    t.notMatch(asked.output(), /reload\.start/)

    const closed = await inTerminal()
    closed.script.kill('SIGKILL')
    await until('all processes have ended', () => !closed.all.some(isAlive))
  },
)
