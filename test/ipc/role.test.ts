import { fork, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { workerEnvironment } from '../../src/ipc/role.ts'

const fixture = new URL('../fixtures/role.js', import.meta.url)

interface Told {
  who: string
  worker: number | null
}

function start(t: Test, what: string): ChildProcess {
  const child = fork(fixture, [what], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

/** What the family says until its last member has ended, or as much as was asked for. */
async function told(child: ChildProcess, lines = Infinity): Promise<Told[]> {
  const all: Told[] = []
  for await (const line of createInterface({ input: child.stdout! })) {
    all.push(JSON.parse(line) as Told)
    if (all.length === lines) break
  }
  return all
}

t.test('a program that somebody starts is a primary', async (t) => {
  t.strictSame(await told(start(t, 'look')), [
    { who: 'first', worker: null },
    { who: 'again', worker: null },
  ])
})

t.test(
  'a program that the primary starts is a worker, however often it asks; what it starts itself is none',
  async (t) => {
    t.strictSame(await told(start(t, 'worker')), [
      { who: 'worker', worker: 2 },
      { who: 'worker again', worker: 2 },
      { who: 'first', worker: null },
      { who: 'again', worker: null },
    ])
  },
)

t.test('what a worker starts is no worker, even if it asks first', async (t) => {
  t.strictSame(await told(start(t, 'worker-late')), [
    { who: 'first', worker: null },
    { who: 'again', worker: null },
    { who: 'worker', worker: 2 },
  ])
})

t.test('an orphan is a worker still, and starts no balancer of its own', async (t) => {
  const primary = start(t, 'primary')
  const lines = told(primary)
  await once(primary, 'message')
  primary.kill('SIGKILL')
  t.strictSame(await lines, [{ who: 'orphan', worker: 2 }])
})

t.test('also where nobody noticed that its primary is dead', { skip: process.platform !== 'linux' }, async (t) => {
  t.strictSame(await told(start(t, 'unnoticed-death'), 1), [{ who: 'orphan', worker: 2 }])
})

t.test('without a channel to a primary there is no worker, whatever the variables say', async (t) => {
  const setup = { version: 1, id: 0, workers: 1 } as Parameters<typeof workerEnvironment>[0]
  const env = { ...process.env, ...workerEnvironment(setup) }
  const { stdout } = spawnSync(process.execPath, [fileURLToPath(fixture), 'look'], { env, encoding: 'utf8' })
  t.match(stdout, '"who":"first","worker":null')
})

t.test('the application can read its id', async (t) => {
  const setup = { version: 1, id: 5, workers: 8 } as Parameters<typeof workerEnvironment>[0]
  t.match(workerEnvironment(setup), { HOLDFAST_WORKER: '5' })
})
