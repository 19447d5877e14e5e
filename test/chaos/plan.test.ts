import * as fc from 'fast-check'
import t from 'tap'
import { describeAction, plan, WORKERS, type Step } from './plan.ts'

const seeds = fc.nat({ max: 0xffffffff })
const kinds = (steps: readonly Step[]) =>
  new Set(steps.flatMap(({ actions }) => actions.map(({ action }) => action.kind)))

t.test('the same seed makes the same plan, another seed another one', async (t) => {
  fc.assert(
    fc.property(seeds, fc.nat({ max: 5 }), (seed, run) => t.strictSame(plan(seed, 20, run), plan(seed, 20, run))),
  )
  t.notSame(plan(1, 20, 0), plan(2, 20, 0))
})

t.test('a longer run begins with the steps of a shorter one', async (t) => {
  fc.assert(fc.property(seeds, (seed) => t.strictSame(plan(seed, 40, 0).slice(0, 13), plan(seed, 13, 0))))
})

t.test('thirteen steps contain all actions, and so do three runs of five steps together', async (t) => {
  fc.assert(
    fc.property(seeds, (seed) => {
      const oneRun = plan(seed, 13, 0)
      t.equal(kinds(oneRun).size, 11)
      t.equal(oneRun.filter(({ actions }) => actions.length === 2).length, 2)
      t.equal(kinds([0, 1, 2].flatMap((run) => plan(seed, 5, run))).size, 11)
    }),
  )
})

t.test('two actions at once are of two kinds', async (t) => {
  fc.assert(
    fc.property(seeds, (seed) => {
      for (const step of plan(seed, 26, 1)) t.equal(kinds([step]).size, step.actions.length)
    }),
  )
})

t.test('scaling always changes the number of workers', async (t) => {
  fc.assert(
    fc.property(seeds, (seed) => {
      let workers = WORKERS
      for (const { action } of plan(seed, 40, 0).flatMap(({ actions }) => actions)) {
        if (action.kind !== 'scale') continue
        t.not(action.workers, workers)
        workers = action.workers
      }
    }),
  )
})

t.test('the description of an action has all its parameters', async (t) => {
  t.equal(describeAction({ kind: 'pause', worker: 3, ms: 200 }), 'pause worker=3 ms=200')
  t.equal(describeAction({ kind: 'reload' }), 'reload')
})
