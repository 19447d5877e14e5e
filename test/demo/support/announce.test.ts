import { EventEmitter } from 'node:events'
import type { Sticky } from 'holdfast'
import t from 'tap'
import { announce } from '../../../demo/support/announce.ts'

t.test('the terminal says whether a worker is new or back', async (t) => {
  const lines = t.capture(console, 'log', () => {})
  const primary = Object.assign(new EventEmitter(), {
    role: 'primary',
    address: () => ({ port: 3000, family: 'IPv6' }),
    explain: () => ({ worker: 0 }),
    status: () => ({ workers: [{ id: 0, pid: 1 }] }),
  })
  await announce({ name: 'test', shows: 'A test.' }, primary as unknown as Sticky, { tries: () => [] })
  primary.emit('worker:ready', { id: 1, pid: 2 })
  primary.emit('worker:exit', { id: 0, pid: 1, code: null, signal: 'SIGKILL' })
  primary.emit('worker:ready', { id: 0, pid: 3 })
  primary.emit('worker:ready', { id: 1, pid: 4 })
  t.strictSame(
    lines()
      .map(({ args }) => args[0])
      .slice(-4),
    [
      'Worker 1 is new (pid 2).',
      'Worker 0 (pid 1) has ended: SIGKILL.',
      'Worker 0 is back (pid 3).',
      'Worker 1 is back (pid 4).',
    ],
  )
})
