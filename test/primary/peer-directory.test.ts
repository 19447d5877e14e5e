import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import t from 'tap'
import { PeerDirectory } from '../../src/primary/peer-directory.ts'
import type { ToWorker } from '../../src/ipc/messages.ts'

t.test('a process whose door has closed is no longer told of, and still told', async (t) => {
  const told: (readonly [id: number, instances: number[]])[] = []
  const seats = [0, 1].map((id) => ({ child: new EventEmitter() as ChildProcess, id }))
  const directory = new PeerDirectory({
    processes: () =>
      seats.map(({ child, id }) => ({
        child,
        id,
        enabled: true,
        attached: true,
        send(message: ToWorker) {
          if (message.type === 'peers') told.push([id, message.peers.map(({ instance }) => instance)])
        },
      })),
    owners: () => [],
    pass: () => {},
  })
  for (const { child, id } of seats) directory.started(child, 10 + id)
  const heard = async (type: string, child: ChildProcess) => {
    told.length = 0
    child.emit('message', { holdfast: { type } })
    await new Promise((done) => setImmediate(done))
    return [...told]
  }
  const [first, second] = seats.map(({ child }) => child) as [ChildProcess, ChildProcess]
  await heard('reachable', first)
  t.strictSame(await heard('reachable', second), [
    [0, [10, 11]],
    [1, [10, 11]],
  ])
  t.strictSame(await heard('unreachable', first), [
    [0, [11]],
    [1, [11]],
  ])
})
