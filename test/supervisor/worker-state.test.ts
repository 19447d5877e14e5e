import t from 'tap'
import { stateOf, type Standing } from '../../src/supervisor/worker-state.ts'

const state = (more: Partial<Standing>) =>
  stateOf({ attached: true, healthy: true, enabled: true, stopping: false, gone: false, ...more })

t.test('a worker is ready when its application is attached, and it is healthy and enabled', async (t) => {
  t.equal(state({ attached: false }), 'starting')
  t.equal(state({}), 'ready')
})

t.test('a worker that is not healthy or not enabled serves only its open connections', async (t) => {
  t.equal(state({ healthy: false }), 'draining')
  t.equal(state({ enabled: false }), 'draining')
})

t.test('a worker that finishes before its application is attached has nothing to serve', async (t) => {
  t.equal(state({ attached: false, enabled: false }), 'stopping')
})

t.test('the end takes precedence over all other states', async (t) => {
  for (const enabled of [true, false]) {
    t.equal(state({ enabled, stopping: true }), 'stopping')
    t.equal(state({ enabled, stopping: true, gone: true }), 'gone')
  }
})
