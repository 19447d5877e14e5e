import { fork, type ChildProcess } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { watchChildEnd } from '../../src/supervisor/child-end.ts'
import { realWorld } from '../../src/world.ts'

/** Records the reported events of a child. */
function listen(child: ChildProcess): unknown[] {
  const received: unknown[] = []
  watchChildEnd(child, realWorld, {
    failed: (message) => received.push(message),
    ended: (code, signal) => received.push([code, signal]),
  })
  return received
}

t.test('a child ends when its channel has ended too, not before', async (t) => {
  const child = new EventEmitter() as ChildProcess
  const received = listen(child)
  child.emit('exit', 7, null)
  t.strictSame(received, [], 'its messages may still be unread')
  child.emit('close', 7, null)
  t.strictSame(received, [[7, null]])
})

t.test('a child that could not start has ended; a child that a signal does not reach has not', async (t) => {
  const never = Object.assign(new EventEmitter(), { pid: undefined }) as unknown as ChildProcess
  const failed = listen(never)
  never.emit('error', new Error('spawn EAGAIN'))
  never.emit('close', -11, null)
  t.strictSame(failed, ['spawn EAGAIN', [null, null]], 'once')

  const living = Object.assign(new EventEmitter(), { pid: 1 }) as unknown as ChildProcess
  const received = listen(living)
  living.emit('error', new Error('kill EPERM'))
  t.strictSame(received, ['kill EPERM'])
})

t.test('the end of a real child is reported once, with its code', async (t) => {
  const child = fork(fileURLToPath(new URL('../fixtures/role.js', import.meta.url)), ['nobody'], { stdio: 'ignore' })
  const received = listen(child)
  await once(child, 'close')
  t.strictSame(received, [[0, null]])
})
