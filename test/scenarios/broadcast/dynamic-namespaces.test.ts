import { EventEmitter } from 'node:events'
import t from 'tap'
import { keepSnapshots, type RecoveringAdapter } from '../../../src/socket-io/session-snapshots.ts'
import type { AdapterClients } from '../../../src/socket-io/adapter-clients.ts'
import { until } from '../../support/clients.ts'
import { startHosts, visit } from '../../support/socket-io.ts'

t.test('a namespace that ends with its last client leaves nothing behind', async (t) => {
  const env = [{ FIXTURE_IO: JSON.stringify({ cleanupEmptyChildNamespaces: true }) }]
  const [here, there] = await startHosts(t, 1, 2, { adapter: 'ipc' }, { env })
  const observer = await visit(t, here!)
  type Counts = { leave: number; message: number }
  const holds = () => observer.socket.emitWithAck('holds') as Promise<Counts>
  const before = await holds()
  const other = await visit(t, there!, { namespace: '/dynamic-1' })
  const nodes = () => other.call<number>('adapter', ['serverCount'])
  for (let n = 0; n < 3; n++) {
    const one = await visit(t, here!, { namespace: '/dynamic-1' })
    await until('the nodes know each other', async () => (await nodes()) === 2)
    t.match(await holds(), { leave: before.leave + 1, message: before.message })
    one.close()
    await until('the node is gone', async () => (await nodes()) === 1)
    t.strictSame(await holds(), before)
  }
  // A new node requests the other nodes, and one that has ended must not answer.
  other.close()
  const late = await visit(t, there!, { namespace: '/dynamic-1' })
  const later = await Promise.all([here!, there!].map((place) => visit(t, place, { namespace: '/dynamic-2' })))
  await until('a later request is answered', async () => (await later[1]!.call('adapter', ['serverCount'])) === 2)
  t.equal(await late.call('adapter', ['serverCount']), 1)
})

t.test('the snapshots of a namespace end with it', async (t) => {
  const server = { opts: { connectionStateRecovery: { maxDisconnectionDuration: 1_000 } } }
  const closed: string[] = []
  const adapter = Object.assign(new EventEmitter(), {
    uid: 'node',
    nsp: { name: '/dynamic-1', sockets: new Map(), server },
    persistSession() {},
    restoreSession: async () => undefined,
    close: () => void closed.push('its own'),
  }) as unknown as RecoveringAdapter
  const [started, ended] = [
    t.capture(globalThis, 'setInterval', setInterval),
    t.capture(globalThis, 'clearInterval', clearInterval),
  ]
  keepSnapshots(adapter, { publisher: {} } as AdapterClients, 'socket.io')
  adapter.close()
  const [interval] = started()
  t.equal(ended()[0]?.args[0], (interval as { returned?: unknown }).returned)
  t.strictSame(closed, ['its own'])
})
