import t from 'tap'
import { countSignals } from '../../src/supervisor/shutdown.ts'

t.test('a second signal means: now', async (t) => {
  const which = countSignals(() => 0)
  t.equal(which('SIGTERM'), 'first')
  t.equal(which('SIGTERM'), 'second')
})

t.test('one Ctrl-C that comes from the terminal and from npm counts once', async (t) => {
  let now = 1_000
  const which = countSignals(() => now)
  t.equal(which('SIGINT'), 'first')
  now += 20
  t.equal(which('SIGINT'), 'echo')
  now += 1_000
  t.equal(which('SIGINT'), 'second', 'a person who presses it again means it')
})

t.test('SIGTERM after a Ctrl-C is nobody’s echo', async (t) => {
  const which = countSignals(() => 0)
  t.equal(which('SIGINT'), 'first')
  t.equal(which('SIGTERM'), 'second')
})
