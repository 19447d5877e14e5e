import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { startBalancer, type Balancer } from '../../support/balancer.ts'
import { request, until } from '../../support/clients.ts'

const holdfast = new URL('../../../src/index.js', import.meta.url).href

/** A worker program that records each of its starts in a file. */
function program(body: string, dir: string): string {
  const noted = pathToFileURL(join(dir, 'starts')).href
  return `import { appendFileSync } from 'node:fs'
import http from 'node:http'
import { stickyListen } from '${holdfast}'
appendFileSync(new URL('${noted}'), '.')
${body}
`
}

const starts = (dir: string) => readFileSync(join(dir, 'starts')).length

t.test('an application with a syntax error ends the primary with code 3, and the error is shown once', async (t) => {
  const dir = t.testdir({ 'app.mjs': 'const = 1\n' })
  const failure = await startBalancer(t, { options: { workers: 3, exec: join(dir, 'app.mjs') } }).catch(
    (e: unknown) => e,
  )
  t.match(await (failure as Balancer).exited, { code: 3 })
  const { message } = failure as Error
  t.equal(message.match(/^SyntaxError: /gm)?.length, 1, message)
  t.match(message, /balancer\.give-up code=HOLDFAST_WORKER_NOT_READY/)
})

t.test('a crash at every start is tried five times, then rarely, and a repaired application recovers', async (t) => {
  const dir = t.testdir({ starts: '' })
  const exec = join(dir, 'app.mjs')
  writeFileSync(exec, program("throw new Error('no database')", dir))
  const restart = { minDelay: 1, retryDelay: 1_500, onGiveUp: 'keep' as const }
  const starting = startBalancer(t, { options: { workers: 1, exec, restart } })
  await until('it gives up for a while', () => starts(dir) === 5)
  writeFileSync(exec, program('stickyListen(http.createServer((_, response) => response.end("{}")), {})', dir))
  const balancer = await starting
  t.equal(starts(dir), 6, 'not one start more than the policy allows')
  t.match(await request({ port: balancer.port }), {})
  t.match(balancer.output(), /restart\.stopped worker=0 reason="5 starts in a row/)
  t.equal(balancer.output().match(/Error: no database\n/g)?.length, 1, 'the error was shown once')
  t.match((await balancer.status()).workers[0], { restarts: 5, state: 'ready' })
})

t.test('a program that closes its server after each start is given up, with the reason', async (t) => {
  const dir = t.testdir({ starts: '' })
  const exec = join(dir, 'app.mjs')
  const body = `const server = http.createServer((_, response) => response.end('{}'))
const sticky = stickyListen(server, {})
if (sticky.role === 'worker') sticky.ready.then(() => server.close())`
  writeFileSync(exec, program(body, dir))
  const balancer = await startBalancer(t, { options: { workers: 1, exec, restart: { minDelay: 1 } } })
  t.match(await balancer.exited, { code: 3 })
  t.equal(starts(dir), 5)
  t.match(balancer.output(), /warning worker\.leave worker=0 pid=\d+ reason=server\.close\(\) hint=/)
  t.match(balancer.output(), /balancer\.give-up .* the last one ended with: it left by itself \(server\.close\(\)\)/)
  t.notMatch(balancer.output(), /restart\.stopped/, 'no next attempt is announced before the end')
})

t.test('a worker that crashes again and again does not end the others', async (t) => {
  const restart = { minDelay: 1, maxCrashesPerMinute: 4, retryDelay: 600_000 }
  const balancer = await startBalancer(t, { options: { workers: 2, restart, limits: { holdTimeout: 100 } } })
  const { worker } = await balancer.explain('127.0.0.1')
  const other = await balancer.pid(1 - worker)
  for (let crashes = 0; crashes < 4; crashes++) {
    await until('it serves', async () => (await balancer.status()).workers[worker]!.state === 'ready')
    const gone = balancer.event('worker:exit')
    process.kill(await balancer.pid(worker), 'SIGKILL')
    await gone
  }
  const reply = await request({ port: balancer.port })
  t.equal(reply.pid, other, 'its clients are served by the other worker')
  t.match(balancer.output(), /restart\.stopped .*reason="4 crashes within a minute"/)
})

t.test("a worker's last report is in the status after its end", async (t) => {
  const balancer = await startBalancer(t, { options: { workers: 1 } })
  const gone = balancer.event('worker:exit')
  await t.rejects(request({ port: balancer.port, path: '/crash' }))
  await gone
  const { lastExit } = (await balancer.status()).workers[0]!
  t.match(lastExit, { code: 1, signal: null })
  t.match(lastExit?.stderr.join('\n'), /Error: asked to crash/)
  t.match(balancer.output(), /Error: asked to crash/, 'and it was passed on')
})
