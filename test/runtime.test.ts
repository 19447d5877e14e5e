import t from 'tap'
import { Runtime } from '../src/runtime.ts'

t.test('a session rule is announced when a part of the application adds it, and once only', async (t) => {
  const runtime = new Runtime()
  const announced: unknown[] = []
  runtime.on('session-rule', (rule) => announced.push(rule))
  for (let i = 0; i < 2; i++) runtime.addSessionRule('socket.io')
  t.strictSame(announced, ['socket.io'])
  t.strictSame(runtime.sessionRules, ['socket.io'])
})

t.test('the open sessions are those of all parts of the application now', async (t) => {
  const runtime = new Runtime()
  t.equal(runtime.openSessions, 0)
  const counts = [2, 3]
  for (const i of counts.keys()) runtime.addSessionCount(() => counts[i]!)
  t.equal(runtime.openSessions, 5)
  counts[0] = 0
  t.equal(runtime.openSessions, 3)
})
