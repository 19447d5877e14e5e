import t from 'tap'
import { Deadline, sleep, UntilEmpty } from '../../src/async/waiting.ts'

/** A clock that the test moves. */
function clock() {
  const timers = new Map<object, { at: number; callback: () => void }>()
  let now = 0
  return {
    timers,
    world: {
      setTimeout(callback: () => void, milliseconds: number) {
        const timer = { unref: () => timer } as NodeJS.Timeout
        timers.set(timer, { at: now + milliseconds, callback })
        return timer
      },
      clearTimeout(timer: NodeJS.Timeout | undefined) {
        if (timer !== undefined) timers.delete(timer)
      },
    },
    advance(milliseconds: number) {
      now += milliseconds
      for (const [timer, { at, callback }] of timers) if (at <= now && timers.delete(timer)) callback()
    },
  }
}

const NEVER = new Promise<void>(() => {})

t.test('sleep() resolves after its time', async (t) => {
  const { world, advance } = clock()
  let isOver = false
  const sleeping = sleep(100, world).then(() => (isOver = true))
  advance(99)
  await Promise.resolve()
  t.equal(isOver, false)
  advance(1)
  t.equal(await sleeping, true)
})

t.test('a deadline says of each piece of work whether it was done in time', async (t) => {
  const { world, advance } = clock()
  const deadline = new Deadline(100, world)
  t.equal(await deadline.wait(Promise.resolve()), true)
  const second = deadline.wait(NEVER)
  advance(100)
  t.equal(await second, false)
  t.equal(await deadline.wait(NEVER), false, 'also work that comes later')
})

t.test('a deadline passes on what fails in time, and ignores what fails later', async (t) => {
  const { world, advance } = clock()
  const deadline = new Deadline(100, world)
  await t.rejects(deadline.wait(Promise.reject(new Error('in time'))), { message: 'in time' })
  let fail = (_: Error): void => {}
  const late = deadline.wait(new Promise((_, reject) => (fail = reject)))
  advance(100)
  t.equal(await late, false)
  fail(new Error('late'))
})

t.test('waiting for a count ends when it is 0, and leaves no timer', async (t) => {
  const { world, timers } = clock()
  let count = 2
  const empty = new UntilEmpty(() => count, world)
  empty.check()
  const waiting = empty.wait(100)
  for (; count > 0; count--) empty.check()
  t.equal(timers.size, 1, 'it is not 0 yet')
  empty.check()
  t.equal(await waiting, true)
  t.equal(timers.size, 0)
  t.equal(await empty.wait(100), true, 'there is nothing to wait for')
  t.equal(timers.size, 0)
})

t.test('waiting for a count ends at each deadline of its own', async (t) => {
  const { world, timers, advance } = clock()
  let count = 1
  const empty = new UntilEmpty(() => count, world)
  const [short, long] = [empty.wait(100), empty.wait(200)]
  advance(100)
  t.equal(await short, false)
  count = 0
  empty.check()
  t.equal(await long, true)
  t.equal(timers.size, 0)
})
