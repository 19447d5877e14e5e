import { fork, type ChildProcess } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { hearOfEnd } from '../../src/supervisor/child-end.ts'

/** Writes down what is heard of a child. */
function listen(child: ChildProcess): unknown[] {
  const heard: unknown[] = []
  hearOfEnd(child, {
    failed: (message) => heard.push(message),
    ended: (code, signal) => heard.push([code, signal]),
  })
  return heard
}

t.test('a child ends when its channel has ended too, not before', async (t) => {
  const child = new EventEmitter() as ChildProcess
  const heard = listen(child)
  child.emit('exit', 7, null)
  t.strictSame(heard, [], 'what it sent may still be unread')
  child.emit('close', 7, null)
  t.strictSame(heard, [[7, null]])
})

t.test('a child that could not be started has ended, and one that hears no signal has not', async (t) => {
  const never = Object.assign(new EventEmitter(), { pid: undefined }) as unknown as ChildProcess
  const failed = listen(never)
  never.emit('error', new Error('spawn EAGAIN'))
  never.emit('close', -11, null)
  t.strictSame(failed, ['spawn EAGAIN', [null, null]], 'once')

  const living = Object.assign(new EventEmitter(), { pid: 1 }) as unknown as ChildProcess
  const heard = listen(living)
  living.emit('error', new Error('kill EPERM'))
  t.strictSame(heard, ['kill EPERM'])
})

t.test('a real one is told of once, with its code', async (t) => {
  const child = fork(fileURLToPath(new URL('../fixtures/role.js', import.meta.url)), ['nobody'], { stdio: 'ignore' })
  const heard = listen(child)
  await once(child, 'close')
  t.strictSame(heard, [[0, null]])
})
