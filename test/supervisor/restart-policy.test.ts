import t from 'tap'
import { RestartHistory } from '../../src/supervisor/restart-policy.ts'

const policy = {
  minDelay: 100,
  maxDelay: 30_000,
  stableAfter: 10_000,
  maxStartCrashes: 5,
  maxCrashesPerMinute: 10,
  retryDelay: 60_000,
}

t.test('a worker that was stable starts again at once', async (t) => {
  const restarts = new RestartHistory(policy)
  restarts.record(0, { at: 0, served: 20_000 }, true)
  t.strictSame(restarts.next(0, 0, 0), { delay: 0, stopped: undefined })
})

t.test('crashes in a row make the delay longer, for each worker separately', async (t) => {
  const restarts = new RestartHistory(policy)
  for (const delay of [100, 200, 400]) {
    restarts.record(0, { at: 0, served: 1 }, true)
    t.equal(restarts.next(0, 0, 0).delay, delay)
  }
  t.equal(restarts.next(1, 0, 0).delay, 0)
})

t.test('failed starts stop restarts of one worker, crashes within a minute stop all, and time ends both', async (t) => {
  const failing = new RestartHistory(policy)
  for (let i = 0; i < 5; i++) failing.record(0, { at: i, served: 0 }, true)
  t.match(failing.next(0, 5, 0), { delay: 60_000, stopped: /^5 starts in a row/ })
  t.equal(failing.next(1, 5, 0).stopped, undefined)

  const crashing = new RestartHistory(policy)
  for (let i = 0; i < 10; i++) crashing.record(i, { at: i, served: 1 }, true)
  t.match(crashing.next(99, 10, 0), { delay: 60_000, stopped: '10 crashes within a minute' })
  t.equal(crashing.next(99, 60_010, 0).stopped, undefined)
})

t.test('an intended end is no crash', async (t) => {
  const restarts = new RestartHistory(policy)
  for (let i = 0; i < 50; i++) restarts.record(i, { at: i, served: 1 }, false)
  t.equal(restarts.next(99, 50, 0).stopped, undefined)
})

t.test('the history of a worker that scaling removed is forgotten', async (t) => {
  const restarts = new RestartHistory(policy)
  restarts.record(3, { at: 0, served: 1 }, false)
  restarts.forget(3)
  t.equal(restarts.next(3, 0, 0).delay, 0)
})
