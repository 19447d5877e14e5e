import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import t from 'tap'
import { WorkerChannel } from '../../src/ipc/channel.ts'
import { PeerDirectory } from '../../src/primary/peer-directory.ts'
import { realWorld } from '../../src/world.ts'
import { envelope, type ToWorker } from '../../src/ipc/messages.ts'

t.test('a process that closed its peer socket is not listed any more, and still gets the list', async (t) => {
  const lists: (readonly [id: number, instances: number[]])[] = []
  const processes = [0, 1].map((id) => {
    const child = new EventEmitter() as ChildProcess
    return { child, channel: new WorkerChannel(child), id }
  })
  const directory = new PeerDirectory(realWorld, {
    processes: () =>
      processes.map(({ channel, id }) => ({
        channel,
        id,
        enabled: true,
        attached: true,
        send(message: ToWorker) {
          if (message.type === 'peers') lists.push([id, message.peers.map(({ instance }) => instance)])
        },
      })),
    owners: () => [],
    transfer: () => {},
  })
  for (const { channel, id } of processes) directory.started(channel, 10 + id)
  const received = async (type: string, child: ChildProcess) => {
    lists.length = 0
    child.emit('internalMessage', envelope({ type }))
    await new Promise((done) => setImmediate(done))
    return [...lists]
  }
  const [first, second] = processes.map(({ child }) => child) as [ChildProcess, ChildProcess]
  await received('peer-socket-open', first)
  t.strictSame(await received('peer-socket-open', second), [
    [0, [10, 11]],
    [1, [10, 11]],
  ])
  t.strictSame(await received('peer-socket-closed', first), [
    [0, [11]],
    [1, [11]],
  ])
})
