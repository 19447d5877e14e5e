import t from 'tap'
import { neverReady } from '../../src/supervisor/give-up.ts'

const exit = { code: 1, signal: null, uptime: 20, served: 0, failure: undefined, stderr: [] }

t.test('the error says why nothing is started any more, and how the last process ended', async (t) => {
  const error = neverReady('5 starts in a row failed', exit)
  t.equal(error.code, 'HOLDFAST_WORKER_NOT_READY')
  t.match(error.message, /5 starts in a row failed; the last one ended with: exit code 1$/)
})

t.test('where no process could be started there is no last one', async (t) => {
  t.match(neverReady('5 starts in a row failed', undefined).message, /5 starts in a row failed$/)
})
