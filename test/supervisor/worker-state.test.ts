import t from 'tap'
import { stateOf, type Standing } from '../../src/supervisor/worker-state.ts'

const state = (more: Partial<Standing>) =>
  stateOf({ attached: true, healthy: true, enabled: true, stopping: false, gone: false, ...more })

t.test('a worker is ready when its application is attached, and it is healthy and enabled', async (t) => {
  t.equal(state({ attached: false }), 'starting')
  t.equal(state({}), 'ready')
})

t.test('one that is not healthy or not enabled serves what it has', async (t) => {
  t.equal(state({ healthy: false }), 'draining')
  t.equal(state({ enabled: false }), 'draining')
})

t.test('one that is to finish before its application is attached has nothing to serve', async (t) => {
  t.equal(state({ attached: false, enabled: false }), 'stopping')
})

t.test('the end comes before everything else', async (t) => {
  for (const enabled of [true, false]) {
    t.equal(state({ enabled, stopping: true }), 'stopping')
    t.equal(state({ enabled, stopping: true, gone: true }), 'gone')
  }
})
