import t from 'tap'
import { StickyError } from '../../src/errors.ts'
import { FirstReady, neverReady } from '../../src/primary/startup.ts'

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

t.test('a close ends the wait, and changes nothing afterwards', async (t) => {
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

t.test('the error says why no process is started any more, and how the last process ended', async (t) => {
  const error = neverReady('5 starts in a row failed', 'exit code 1')
  t.equal(error.code, 'HOLDFAST_WORKER_NOT_READY')
  t.match(error.message, /5 starts in a row failed; the last one ended with: exit code 1$/)
})

t.test('the error names no last process if none could be started', async (t) => {
  t.match(neverReady('5 starts in a row failed', undefined).message, /5 starts in a row failed$/)
})
