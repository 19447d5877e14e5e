import { EventEmitter } from 'node:events'
import t from 'tap'
import { keepSnapshots, type RecoveringAdapter } from '../../../src/socket-io/session-snapshots.ts'
import type { AdapterClients } from '../../../src/socket-io/adapter-clients.ts'
import { until } from '../../support/clients.ts'
import { startHosts, visit } from '../../support/socket-io.ts'

t.test('a namespace that ends with its last client leaves nothing behind', async (t) => {
  const env = [{ FIXTURE_IO: JSON.stringify({ cleanupEmptyChildNamespaces: true }) }]
  const [here, there] = await startHosts(t, 1, 2, { adapter: 'ipc' }, { env })
  const watcher = await visit(t, here!)
  type Counts = { leave: number; message: number }
  const holds = () => watcher.socket.emitWithAck('holds') as Promise<Counts>
  const before = await holds()
  const stays = await visit(t, there!, { namespace: '/dynamic-1' })
  const nodes = () => stays.call<number>('adapter', ['serverCount'])
  for (let n = 0; n < 3; n++) {
    const one = await visit(t, here!, { namespace: '/dynamic-1' })
    await until('they know each other', async () => (await nodes()) === 2)
    t.match(await holds(), { leave: before.leave + 1, message: before.message + 1 })
    one.close()
    await until('it is gone', async () => (await nodes()) === 1)
    t.strictSame(await holds(), before)
  }
  // Who comes anew asks who is there; those that are gone must not say that they are.
  stays.close()
  const anew = await visit(t, there!, { namespace: '/dynamic-1' })
  const later = await Promise.all([here!, there!].map((place) => visit(t, place, { namespace: '/dynamic-2' })))
  await until('a later question is answered', async () => (await later[1]!.call('adapter', ['serverCount'])) === 2)
  t.equal(await anew.call('adapter', ['serverCount']), 1)
})

t.test('nobody looks after the sessions of a namespace that has ended', async (t) => {
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
