import { fork, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { workerEnvironment } from '../../src/ipc/role.ts'

const fixture = new URL('../fixtures/role.js', import.meta.url)

interface Report {
  process: string
  worker: number | null
}

function start(t: Test, what: string): ChildProcess {
  const child = fork(fixture, [what], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

/** What the program and its children report until the last of them has ended, at most so many lines. */
async function reports(child: ChildProcess, lines = Infinity): Promise<Report[]> {
  const all: Report[] = []
  for await (const line of createInterface({ input: child.stdout! })) {
    all.push(JSON.parse(line) as Report)
    if (all.length === lines) break
  }
  return all
}

t.test('a program that is started by hand is a primary', async (t) => {
  t.strictSame(await reports(start(t, 'look')), [
    { process: 'first', worker: null },
    { process: 'again', worker: null },
  ])
})

t.test('a program that the primary starts is a worker, at each call; its own child process is none', async (t) => {
  t.strictSame(await reports(start(t, 'worker')), [
    { process: 'worker', worker: 2 },
    { process: 'worker again', worker: 2 },
    { process: 'first', worker: null },
    { process: 'again', worker: null },
  ])
})

t.test('the child process of a worker is no worker, even if it calls first', async (t) => {
  t.strictSame(await reports(start(t, 'worker-late')), [
    { process: 'first', worker: null },
    { process: 'again', worker: null },
    { process: 'worker', worker: 2 },
  ])
})

t.test('an orphan is still a worker, and starts no balancer of its own', async (t) => {
  const primary = start(t, 'primary')
  const lines = reports(primary)
  await once(primary, 'message')
  primary.kill('SIGKILL')
  t.strictSame(await lines, [{ process: 'orphan', worker: 2 }])
})

t.test(
  'an orphan is still a worker when its dead primary was not collected',
  { skip: process.platform !== 'linux' },
  async (t) => {
    t.strictSame(await reports(start(t, 'unnoticed-death'), 1), [{ process: 'orphan', worker: 2 }])
  },
)

t.test('a process without an IPC channel is no worker, whatever the variables say', async (t) => {
  const setup = { version: 1, id: 0, workers: 1 } as Parameters<typeof workerEnvironment>[0]
  const env = { ...process.env, ...workerEnvironment(setup) }
  const { stdout } = spawnSync(process.execPath, [fileURLToPath(fixture), 'look'], { env, encoding: 'utf8' })
  t.match(stdout, '"process":"first","worker":null')
})

t.test('the application can read its worker id', async (t) => {
  const setup = { version: 1, id: 5, workers: 8 } as Parameters<typeof workerEnvironment>[0]
  t.match(workerEnvironment(setup), { HOLDFAST_WORKER: '5' })
})
