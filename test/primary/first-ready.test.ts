import t from 'tap'
import { StickyError } from '../../src/errors.ts'
import { FirstReady } from '../../src/primary/first-ready.ts'

t.test('the start is over when every worker has been ready, however often one of them was', async (t) => {
  const first = new FirstReady()
  let isOver = false
  const all = first.all(3).then(() => (isOver = true))
  for (const id of [2, 0, 2, 0]) first.ready(id)
  await Promise.resolve()
  t.equal(isOver, false)
  first.ready(1)
  await all
})

t.test('who closes meanwhile ends the wait, and afterwards changes nothing', async (t) => {
  const first = new FirstReady()
  const error = new StickyError('HOLDFAST_CLOSED')
  first.failed(error)
  const failed = first.all(1)
  first.failed(error)
  await t.rejects(failed, error)

  const started = first.all(1)
  first.ready(0)
  first.failed(error)
  await started
})
