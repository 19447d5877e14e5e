import { EventEmitter } from 'node:events'
import type { Sticky } from 'holdfast'
import t from 'tap'
import { announce as announceChat } from '../../../demo/chat/start/announce.ts'
import { announce } from '../../../demo/support/announce.ts'

const announcements: Record<string, (sticky: Sticky) => unknown> = {
  'a demo': (sticky) => announce({ name: 'test', shows: 'A test.' }, sticky, { tries: () => [] }),
  'the chat': (sticky) => announceChat(sticky, 'address', undefined),
}

for (const [name, announceIt] of Object.entries(announcements)) {
  t.test(`the terminal of ${name} says whether a worker is new or back`, async (t) => {
    const lines = t.capture(console, 'log', () => {})
    const workers = [{ id: 0, pid: 1, restarts: 0 }]
    const primary = Object.assign(new EventEmitter(), {
      role: 'primary',
      address: () => ({ port: 3000, family: 'IPv6' }),
      explain: () => ({ worker: 0 }),
      status: () => ({ workers, admin: null }),
    })
    await announceIt(primary as unknown as Sticky)
    const ready = (id: number, pid: number, restarts: number): void => {
      workers[id] = { id, pid, restarts }
      primary.emit('worker:ready', { id, pid })
    }
    ready(1, 2, 0)
    primary.emit('worker:exit', { id: 0, pid: 1, code: null, signal: 'SIGKILL' })
    ready(0, 3, 1)
    // Scaled away, and scaled to again.
    primary.emit('worker:exit', { id: 1, pid: 2, code: 0, signal: null })
    ready(1, 4, 0)
    t.strictSame(
      lines()
        .map(({ args }) => args[0])
        .slice(-4),
      [
        'Worker 1 is new (pid 2).',
        'Worker 0 (pid 1) has ended: SIGKILL.',
        'Worker 0 is back (pid 3).',
        'Worker 1 is new (pid 4).',
      ],
    )
  })
}
