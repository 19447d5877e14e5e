import { fork, type ChildProcess } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { watchChildEnd } from '../../src/supervisor/child-end.ts'
import { realWorld } from '../../src/world.ts'

/** Records what is reported of a child. */
function listen(child: ChildProcess): unknown[] {
  const heard: unknown[] = []
  watchChildEnd(child, realWorld, {
    failed: (message) => heard.push(message),
    ended: (code, signal) => heard.push([code, signal]),
  })
  return heard
}

t.test('a child ends when its channel has ended too, not before', async (t) => {
  const child = new EventEmitter() as ChildProcess
  const heard = listen(child)
  child.emit('exit', 7, null)
  t.strictSame(heard, [], 'its messages may still be unread')
  child.emit('close', 7, null)
  t.strictSame(heard, [[7, null]])
})

t.test('a child that could not be started has ended, and one that gets no signal has not', async (t) => {
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

t.test('the end of a real child is reported once, with its code', async (t) => {
  const child = fork(fileURLToPath(new URL('../fixtures/role.js', import.meta.url)), ['nobody'], { stdio: 'ignore' })
  const heard = listen(child)
  await once(child, 'close')
  t.strictSame(heard, [[0, null]])
})
