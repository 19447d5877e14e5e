// Managed workers on a simulated clock, with simulated processes under the command of the test.
import t from 'tap'
import { readSettings } from '../../src/options/settings.ts'
import type { StickyOptions } from '../../src/index.ts'
import type { Program } from '../../src/supervisor/fork.ts'
import { Supervisor, type SupervisorEvents } from '../../src/supervisor/supervisor.ts'
import { childOf, simulatedFork, type SimulatedChild } from '../support/simulated-child.ts'
import { SimulatedWorld } from '../support/simulated-world.ts'

/** A supervisor of simulated processes, and a record of what it reports. */
function supervise(options: StickyOptions & { workers: number }) {
  const world = new SimulatedWorld()
  const fork = simulatedFork()
  const log: string[] = []
  const events: SupervisorEvents = {
    ready: ({ id, pid }) => void log.push(`ready ${id} ${pid}`),
    retired: ({ id, pid }) => void log.push(`retired ${id} ${pid}`),
    ended: ({ id, pid }) => void log.push(`ended ${id} ${pid}`),
    stateChanged() {},
    healthChanged: ({ id, healthy }) => void log.push(`healthy ${id} ${healthy}`),
    tripped: (reason, _, isNoneLeft) => void log.push(`tripped ${isNoneLeft} ${reason}`),
    silence: () => 0,
    foreignMessage() {},
    adapterMessage() {},
  }
  const lines: string[] = []
  const level = (name: string) => (event: string) => void lines.push(`${name} ${event}`)
  const logger = { debug() {}, info: level('info'), warn: level('warn'), error: level('error') }
  const settings = readSettings({ logger, ...options })
  const programOf = (): Program => ({
    exec: 'app.js',
    args: [],
    cwd: process.cwd(),
    execArgv: [],
    env: {},
    serialization: 'json',
    inherit: [],
    readyHint: 'get ready',
    fork,
    forked() {},
    opened() {},
  })
  const supervisor = new Supervisor(settings, world, programOf, events)
  supervisor.start(settings.workers)
  const take = () => log.splice(0)
  const restarts = () => supervisor.workers.map((worker) => worker.restarts)
  return { world, supervisor, fork, take, lines, restarts, phases: () => supervisor.workers.map(({ phase }) => phase) }
}

t.test('each worker starts a process, and is announced when the process is ready', async (t) => {
  const { fork, phases, take } = supervise({ workers: 2 })
  t.strictSame(
    [fork.pids, phases()],
    [
      [1, 2],
      ['starting', 'starting'],
    ],
  )
  childOf(fork, 2).ready()
  t.strictSame([take(), phases()], [['ready 1 2'], ['starting', 'serving']])
})

t.test('a worker that crashes starts again after a delay that grows', async (t) => {
  const { world, fork, phases, take, restarts } = supervise({
    workers: 1,
    restart: { minDelay: 100, maxStartCrashes: 9 },
  })
  for (const [crash, delay] of [100, 200, 400].entries()) {
    childOf(fork, crash + 1).exit(1)
    t.strictSame([take(), phases()], [[`ended 0 ${crash + 1}`], ['waiting']])
    world.advance(delay - 1)
    t.equal(fork.pids.length, crash + 1)
    world.advance(1)
    t.equal(fork.pids.length, crash + 2)
  }
  t.strictSame(restarts(), [3])
})

t.test('starts that keep failing stop for a while, and the report says whether any worker is left', async (t) => {
  const { world, fork, take } = supervise({ workers: 1, restart: { maxStartCrashes: 2, retryDelay: 5_000 } })
  childOf(fork, 1).exit(1)
  world.advance(1_000)
  childOf(fork, 2).exit(1)
  t.match(take(), ['ended 0 1', 'ended 0 2', /^tripped true 2 starts in a row/])
  world.advance(4_999)
  t.equal(fork.pids.length, 2)
  world.advance(1)
  t.equal(fork.pids.length, 3)
})

t.test(
  'a ready standby takes the place of a crashed worker in the same turn, and is replaced in the next',
  async (t) => {
    const { world, fork, take, phases } = supervise({ workers: 1, standby: 1 })
    for (const pid of [1, 2]) childOf(fork, pid).ready()
    take()
    childOf(fork, 1).exit(1)
    t.strictSame([take(), phases(), fork.pids.length], [['ended 0 1', 'ready 0 2'], ['serving'], 2])
    t.match(childOf(fork, 2).sent.at(-1), { holdfast: { type: 'promote', id: 0, workers: 1 } })
    world.advance(0)
    t.equal(fork.pids.length, 3, 'the next standby')
  },
)

t.test('a standby that gets ready takes the place of a worker that waits for its start', async (t) => {
  const { fork, take, phases } = supervise({ workers: 1, standby: 1 })
  childOf(fork, 1).exit(1)
  t.strictSame(phases(), ['waiting'])
  take()
  childOf(fork, 2).ready()
  t.strictSame([take(), phases()], [['ready 0 2'], ['serving']])
})

t.test('a reload announces each successor before it retires the old process', async (t) => {
  const { supervisor, fork, take, phases } = supervise({ workers: 1 })
  childOf(fork, 1).ready()
  take()
  const reloaded = supervisor.reload()
  await turn()
  t.strictSame([fork.pids, phases()], [[1, 2], ['replacing']])
  childOf(fork, 2).ready()
  t.strictSame([take(), phases()], [['ready 0 2', 'retired 0 1'], ['serving']])
  t.match(childOf(fork, 1).sent.at(-1), { holdfast: { type: 'drain' } })
  childOf(fork, 1).exit(0)
  await reloaded
  t.equal(supervisor.workers[0]!.process!.generation, 1)
})

t.test('a successor that does not get ready leaves the old process in service, and the reload fails', async (t) => {
  const { supervisor, fork, take, phases } = supervise({ workers: 1 })
  childOf(fork, 1).ready()
  take()
  const reloaded = supervisor.reload()
  await turn()
  childOf(fork, 2).exit(1)
  await t.rejects(reloaded, { code: 'HOLDFAST_RELOAD_FAILED' })
  t.strictSame([take(), phases()], [['ended 0 2'], ['serving']])
})

t.test('when a process crashes while its successor starts, the successor takes its place', async (t) => {
  const { supervisor, fork, take, phases } = supervise({ workers: 1 })
  childOf(fork, 1).ready()
  const reloaded = supervisor.reload()
  await turn()
  take()
  childOf(fork, 1).exit(1)
  t.strictSame([take(), phases()], [['ended 0 1'], ['starting']])
  childOf(fork, 2).ready()
  t.strictSame([take(), phases()], [['ready 0 2'], ['serving']])
  await reloaded
})

t.test('a worker that leaves by itself gets no more connections, and another process starts at once', async (t) => {
  const { world, fork, take, phases } = supervise({ workers: 1, restart: { stableAfter: 1_000 } })
  childOf(fork, 1).ready()
  world.advance(1_000)
  take()
  childOf(fork, 1).say({ type: 'leaving', reason: 'server.close()' })
  t.strictSame([take(), phases()], [['retired 0 1'], ['waiting']])
  world.advance(0)
  t.equal(fork.pids.length, 2, 'it had served long enough to start without delay')
})

t.test('a worker that leaves by itself soon after each start is given up, as one that cannot start', async (t) => {
  const restart = { maxStartCrashes: 2, stableAfter: 1_000, retryDelay: 5_000 }
  for (const leave of [
    (child: SimulatedChild) => child.say({ type: 'leaving', reason: 'server.close()' }),
    (child: SimulatedChild) => child.exit(0),
  ]) {
    const { world, fork, take, lines } = supervise({ workers: 1, restart })
    for (const pid of [1, 2]) {
      childOf(fork, pid).ready()
      world.advance(999)
      leave(childOf(fork, pid))
      world.advance(1_000)
    }
    t.match(take().at(-1), /^tripped true 2 starts in a row .* left by itself within 1000 ms$/)
    t.equal(lines.filter((line) => /^warn worker\.(leave|exit)$/.test(line)).length, 2, 'each end is a warning')
    t.equal(fork.pids.length, 2, 'no third process before the retry')
  }
})

t.test('SIGTERM from outside, and an end after stable service, count as no failed starts', async (t) => {
  const restart = { maxStartCrashes: 2, stableAfter: 1_000 }
  const { world, fork, take, lines } = supervise({ workers: 1, restart })
  for (const [pid, reason, served] of [
    [1, 'SIGTERM', 10],
    [2, 'SIGTERM', 10],
    [3, 'close()', 1_000],
    [4, 'close()', 1_000],
  ] as const) {
    childOf(fork, pid).ready()
    world.advance(served)
    childOf(fork, pid).say({ type: 'leaving', reason })
    world.advance(1_000)
  }
  t.notMatch(take().join('\n'), /tripped/)
  t.notMatch(lines.join('\n'), /warn worker\.leave/)
  t.equal(fork.pids.length, 5)
})

t.test('a dismissed worker finishes, and no process starts for its id any more', async (t) => {
  const { world, supervisor, fork, take, phases } = supervise({ workers: 2 })
  for (const pid of [1, 2]) childOf(fork, pid).ready()
  take()
  const scaled = supervisor.scale(1)
  t.strictSame([take(), phases()], [['retired 1 2'], ['serving']])
  childOf(fork, 2).exit(0)
  await scaled
  world.advance(1_000)
  t.equal(fork.pids.length, 2)
})

t.test('the log tells of a process that does not get ready, long before the process is killed', async (t) => {
  for (const [readyTimeout, after] of [
    [30_000, 5_000],
    [3_000, 1_000],
  ] as const) {
    const { world, lines } = supervise({ workers: 1, health: { readyTimeout } })
    world.advance(after - 1)
    t.strictSame(lines, [])
    world.advance(1)
    t.strictSame(lines, ['warn worker.slow-start'])
    world.advance(readyTimeout - after - 1)
    t.strictSame(lines, ['warn worker.slow-start'])
  }
  const { world, fork, lines } = supervise({ workers: 1 })
  childOf(fork, 1).ready()
  world.advance(6_000)
  t.notMatch(lines.join(), /slow-start/)
})

t.test('a process that is not ready in time is killed, and that counts as a failed start', async (t) => {
  const { world, fork, take, phases } = supervise({ workers: 1, health: { readyTimeout: 3_000 } })
  world.advance(3_000)
  t.strictSame(childOf(fork, 1).signals, ['SIGKILL'])
  childOf(fork, 1).exit(null, 'SIGKILL')
  t.strictSame([take(), phases()], [['ended 0 1'], ['waiting']])
})

t.test(
  'a silent worker becomes unhealthy, then its process gets SIGTERM, later SIGKILL, and a successor starts',
  async (t) => {
    const health = { interval: 1_000, unhealthyAfter: 2, deadline: 10_000 }
    const { world, fork, take } = supervise({ workers: 1, health })
    childOf(fork, 1).ready()
    take()
    world.advance(5_000)
    t.strictSame(take(), ['healthy 0 false'])
    world.advance(6_000)
    t.strictSame(childOf(fork, 1).signals, ['SIGTERM'])
    t.equal(fork.pids.length, 2, 'a successor starts')
    world.advance(2_000)
    t.strictSame(childOf(fork, 1).signals, ['SIGTERM', 'SIGKILL'])
  },
)

t.test('a stop ends all processes, and starts no more', async (t) => {
  const { world, supervisor, fork, phases } = supervise({ workers: 2 })
  childOf(fork, 1).ready()
  const stopped = supervisor.stop({ deadline: 1_000, grace: 0, spread: 0, code: 1001 })
  t.match(childOf(fork, 1).sent.at(-1), { holdfast: { type: 'drain', deadline: 1_000 } })
  t.strictSame(childOf(fork, 2).signals, ['SIGTERM'], 'a process that is not ready cannot be asked')
  childOf(fork, 1).exit(0)
  childOf(fork, 2).exit(null, 'SIGTERM')
  t.equal(await stopped, true)
  world.advance(60_000)
  t.strictSame([phases(), fork.pids.length, world.pending], [['stopped', 'stopped'], 2, 0])
})

t.test('a process that cannot be started is tried again with growing delays', async (t) => {
  const { world, fork, phases } = supervise({ workers: 1, restart: { minDelay: 100 } })
  fork.failures = 1
  childOf(fork, 1).exit(1)
  world.advance(100)
  t.strictSame([fork.pids.length, phases()], [1, ['waiting']])
  world.advance(200)
  t.strictSame([fork.pids.length, phases()], [2, ['starting']])
})

t.test('a standby that was unhealthy and recovers moves no slots', async (t) => {
  const { world, fork, take } = supervise({ workers: 1, standby: 1, health: { interval: 1_000, unhealthyAfter: 2 } })
  for (const pid of [1, 2]) childOf(fork, pid).ready()
  take()
  const beat = (pid: number) => childOf(fork, pid).say(heartbeat)
  for (let second = 0; second < 20; second++) {
    beat(1)
    if (second > 8) beat(2)
    world.advance(1_000)
  }
  t.strictSame(take(), [])
})

t.test('a standby that is being replaced gives its process away, and its successor becomes the standby', async (t) => {
  const { world, supervisor, fork, take, phases } = supervise({
    workers: 1,
    standby: 1,
    restart: { maxServed: 10 },
    health: { interval: 1_000 },
  })
  childOf(fork, 1).ready()
  childOf(fork, 2).ready()
  for (const pid of [1, 2]) childOf(fork, pid).say({ ...heartbeat, served: pid === 2 ? 100 : 0 })
  world.advance(1_000)
  t.equal(fork.pids.length, 3, 'the standby has a successor')
  take()
  childOf(fork, 1).exit(1)
  t.strictSame([take(), phases()], [['ended 0 1', 'ready 0 2'], ['serving']])
  childOf(fork, 3).ready()
  t.strictSame(take(), [], 'the process that serves is not retired')
  t.equal(supervisor.standbyCount, 1)
  t.notMatch(JSON.stringify(childOf(fork, 2).sent), /drain/)
})

t.test('a reload waits for a process that starts already with the new program', async (t) => {
  const { supervisor, fork, phases } = supervise({ workers: 2, reload: { parallel: 1 }, restart: { stableAfter: 0 } })
  for (const pid of [1, 2]) childOf(fork, pid).ready()
  const reloaded = supervisor.reload()
  await turn()
  supervisor.workers[1]!.replaceStuck()
  childOf(fork, 2).exit(1)
  t.strictSame(fork.pids, [1, 2, 3, 4])
  childOf(fork, 3).ready()
  childOf(fork, 1).exit(0)
  await turn()
  await turn()
  t.strictSame([fork.pids.length, phases()], [4, ['serving', 'starting']], 'no second process for worker 1')
  childOf(fork, 4).ready()
  await reloaded
})

t.test('the end of a worker that was scaled away while it was being ended is expected', async (t) => {
  const { world, supervisor, fork } = supervise({ workers: 2, health: { interval: 1_000, deadline: 3_000 } })
  for (const pid of [1, 2]) childOf(fork, pid).ready()
  for (let second = 0; second < 5; second++) {
    childOf(fork, 1).say(heartbeat)
    world.advance(1_000)
  }
  t.strictSame(childOf(fork, 2).signals[0], 'SIGTERM')
  const stuck = supervisor.workers[1]!.process!
  const scaled = supervisor.scale(1)
  t.equal(stuck.isExpectedToEnd, true)
  childOf(fork, 2).exit(null, 'SIGKILL')
  await scaled
})

t.test('each process that served before counts as one restart, whatever replaced it', async (t) => {
  const { world, fork, restarts } = supervise({ workers: 1, standby: 1, restart: { minDelay: 100 } })
  childOf(fork, 1).exit(1)
  childOf(fork, 2).ready()
  t.strictSame(restarts(), [1], 'a standby took the place of a worker that waited')
  fork.failures = 1
  childOf(fork, 2).exit(1)
  world.advance(60_000)
  t.strictSame(restarts(), [2], 'a start that failed had no process')
})

const heartbeat = { type: 'heartbeat', lag: 0, rss: 1, heapUsed: 1, connections: 0, served: 0 } as const

/** Lets promises settle. */
function turn(): Promise<void> {
  return new Promise((done) => setImmediate(done))
}
