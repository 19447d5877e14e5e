import { writeFileSync } from 'node:fs'
import http from 'node:http'
import { join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { startBalancer, type Balancer } from '../support/balancer.ts'
import { loopback, request, until } from '../support/clients.ts'
import { steadyLoad, type Steady } from '../support/steady.ts'

const addresses = Array.from({ length: 200 }, (_, n) => loopback(n))

async function underLoad(t: Test, balancer: Balancer): Promise<Steady> {
  const load = steadyLoad(balancer.port, addresses)
  t.teardown(() => load.stop())
  await load.whereNext()
  return load
}

async function explained(balancer: Balancer): Promise<Map<string, number>> {
  const workers = new Map<string, number>()
  for (const address of addresses) workers.set(address, (await balancer.explain(address)).worker)
  return workers
}

for (const [name, steering, native] of [
  ['hand-off over descriptor-channel', 'handoff', '1'],
  ['hand-off over node-ipc', 'handoff', '0'],
  ['kernel steering', 'kernel', '1'],
] as const) {
  t.test(`no request fails and every client keeps its worker, with ${name}`, async (t) => {
    const reload = { grace: 50, spread: 300 }
    const balancer = await startBalancer(t, {
      kind: 'ws',
      options: { workers: 2, steering, reload, limits: { holdTimeout: 30_000 } },
      env: { HOLDFAST_NATIVE: native },
    })
    const load = await underLoad(t, balancer)
    const home = await explained(balancer)
    t.strictSame(await load.whereNext(), home)

    await t.test('on a reload: every process is new, no client moves', async (t) => {
      const before = (await balancer.status()).workers.map(({ pid }) => pid)
      await balancer.reload()
      const { workers } = await balancer.status()
      t.strictSame(
        workers.map(({ pid, state, generation }) => [before.includes(pid), state, generation]),
        [
          [false, 'ready', 1],
          [false, 'ready', 1],
        ],
      )
      t.strictSame(await load.whereNext(), home)
      t.ok(load.answers.returned > 0, `${load.answers.returned} WebSockets were told to come back`)
      t.strictSame(load.failures, [])
    })

    await t.test('on scaling to 4 and to 3: established connections stay, new ones go where they belong', async (t) => {
      const returned = load.answers.returned
      await balancer.scale(4)
      const four = await explained(balancer)
      t.equal(new Set(four.values()).size, 4)
      const landed = await load.whereNext()
      for (const [i, address] of addresses.entries()) {
        // Every third is a short connection; the others were open before, and stay where they are.
        const expected = i % 3 === 0 ? four : home
        t.equal(landed.get(address), expected.get(address), `client ${i}`)
      }
      t.equal(load.answers.returned, returned, 'no WebSocket was closed')
      await balancer.scale(3)
      const three = await explained(balancer)
      t.equal(new Set(three.values()).size, 3)
      const moved = addresses.filter((address) => three.get(address) !== four.get(address))
      t.ok(
        moved.every((address) => four.get(address) === 3),
        'only clients of the worker that went have moved',
      )
      t.equal((await balancer.status()).workers.length, 3)
      t.strictSame(load.failures, [])
    })
  })
}

t.test('workers are recycled by age, one at a time, and no client notices', async (t) => {
  const balancer = await startBalancer(t, {
    kind: 'ws',
    options: { workers: 2, health: { interval: 100 }, restart: { maxAge: 1_500 }, reload: { grace: 50, spread: 100 } },
  })
  const load = await underLoad(t, balancer)
  const first = (await balancer.status()).workers.map(({ pid }) => pid)
  let most = 0
  await until('both were replaced', async () => {
    const { workers } = await balancer.status()
    most = Math.max(most, workers.filter(({ pid, uptime }) => !first.includes(pid) && uptime < 300).length)
    return workers.every(({ pid }) => !first.includes(pid))
  })
  t.match(balancer.output(), /worker\.replace worker=\d pid=\d+ reason="it is \d+ s old"/)
  t.strictSame(await load.whereNext(), await explained(balancer))
  t.strictSame(load.failures, [])
})

const holdfast = new URL('../../src/index.js', import.meta.url).href

/** A worker program that answers with its version. */
const program = (version: number) => `import http from 'node:http'
import { stickyListen } from '${holdfast}'
stickyListen(http.createServer((_, response) => response.end('{"version":${version}}')), {})
`

t.test('a reload loads the new program; one that does not start changes nothing, and says why', async (t) => {
  const exec = join(t.testdir({}), 'app.mjs')
  writeFileSync(exec, program(1))
  const balancer = await startBalancer(t, { options: { workers: 2, exec } })
  const pids = [await balancer.pid(0), await balancer.pid(1)]
  writeFileSync(exec, 'const = 2\n')
  const failed = balancer.reload()
  await t.rejects(failed, {
    code: 'HOLDFAST_RELOAD_FAILED',
    message: /worker 0 keeps its old process: a worker did not get ready: SyntaxError:/,
  })
  t.strictSame([await balancer.pid(0), await balancer.pid(1)], pids, 'the old ones serve on')
  t.match(await request({ port: balancer.port }), { version: 1 })
  t.match(balancer.output(), /reload\.failed/)
  writeFileSync(exec, program(2))
  await Promise.all([balancer.reload(), balancer.reload()])
  t.match(await request({ port: balancer.port }), { version: 2 })
})

t.test('a reload brings a repaired program back at once, however long it would have waited', async (t) => {
  const exec = join(t.testdir({}), 'app.mjs')
  writeFileSync(exec, program(1))
  const restart = { minDelay: 600_000, maxDelay: 600_000 }
  const balancer = await startBalancer(t, { options: { workers: 2, exec, restart } })
  const { worker } = await balancer.explain('127.0.0.1')
  const gone = balancer.event('worker:exit')
  process.kill(await balancer.pid(worker), 'SIGKILL')
  await gone
  t.match((await balancer.status()).workers[worker], { pid: null, state: 'gone' })
  const answer = request({ port: balancer.port })
  await balancer.reload()
  t.match(await answer, { version: 1 })
  t.match((await balancer.status()).workers[worker], { state: 'ready', generation: 1 })
})

t.test('closing in the middle of a reload or of scaling comes to an end', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 2 } })
  const changes = [balancer.reload(), balancer.scale(4)].map((change) => change.catch((error: unknown) => error))
  const closed = balancer.close()
  const [reloaded, scaled] = await Promise.all(changes)
  t.match(reloaded, { code: /HOLDFAST_(RELOAD_FAILED|CLOSED)/ })
  t.match(scaled, { code: 'HOLDFAST_CLOSED' })
  t.equal(await closed, true)
  t.notMatch(balancer.output(), /(reload|scale)\.failed/)
})

t.test('closing in the middle of a reload starts no process, and leaves none', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 3 } })
  const renewed = balancer.event('worker:ready')
  const reloaded = t.rejects(balancer.reload(), { code: 'HOLDFAST_RELOAD_FAILED' })
  await renewed
  t.equal(await balancer.close(), true)
  await reloaded
  t.strictSame(await balancer.exited, { code: 0, signal: null })
})

t.test('scaling to more workers than the machine can start says so', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 1 }, descriptors: 120 })
  await t.rejects(balancer.scale(60), { code: 'HOLDFAST_WORKER_NOT_READY' })
  t.match(await request({ port: balancer.port }), { restarts: 0 }, 'the old process serves')
})

t.test('an invalid number of workers is refused', async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 1 } })
  for (const workers of [0, 257, 1.5, '2', undefined] as number[]) {
    await t.rejects(balancer.scale(workers), { code: 'HOLDFAST_BAD_OPTION', message: /^scale: expected an integer/ })
  }
})

for (const caller of ['a signal', 'the admin interface'] as const) {
  t.test(`a reload or scale that ${caller} has started emits 'error' where it fails`, async (t) => {
    const broken = join(t.testdir(), 'broken')
    const balancer = await startBalancer(t, {
      options: { workers: 1, admin: { port: 0 } },
      env: { FIXTURE_BROKEN: broken },
    })
    const admin = (await balancer.status()).admin!.port
    const ask = (signal: NodeJS.Signals, path: string): void => {
      if (caller === 'a signal') balancer.child.kill(signal)
      else
        http
          .request({ port: admin, path, method: 'POST', agent: false })
          .on('error', () => {})
          .end()
    }
    writeFileSync(broken, '')
    for (const [signal, path, code] of [
      ['SIGUSR2', '/reload', 'HOLDFAST_RELOAD_FAILED'],
      ['SIGTTIN', '/scale?workers=2', 'HOLDFAST_WORKER_NOT_READY'],
    ] as const) {
      const failed = balancer.event<{ code: string }>('primary:error')
      ask(signal, path)
      t.match(await failed, { code })
    }
  })
}
