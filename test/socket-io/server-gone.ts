// A worker is killed while other workers wait for its answers. The worker is stopped before, so that it cannot answer.
import type { Test } from 'tap'
import type { AttachOptions } from '../../src/socket-io.ts'
import { until } from '../support/clients.ts'
import { inOrder } from '../support/crowd.ts'
import { startRedis } from '../support/redis.ts'
import { startHosts, visit, type Place, type Visitor } from '../support/socket-io.ts'

/** @param adapter - under test @param hosts - with two workers each; a single host has three */
export async function serverGoneContract(t: Test, adapter: AdapterName, hosts: 1 | 2): Promise<void> {
  const redis = adapter === 'ipc' ? undefined : (await startRedis(t)).url
  const places = await startHosts(t, hosts, hosts === 1 ? 3 : 2, redis === undefined ? { adapter } : { adapter, redis })
  await killWhileAsked(t, places, 0, adapter === 'redis')
  // The killed worker is on another host than the one that asks.
  if (hosts === 2) await killWhileAsked(t, places, 3, adapter === 'redis')
}

type AdapterName = Exclude<NonNullable<AttachOptions['adapter']>, 'auto'>

/** Kills the second worker while requests of another one wait. */
async function killWhileAsked(t: Test, places: Place[], asking: number, hasRooms: boolean): Promise<void> {
  await until('all workers know each other', async () => {
    const visitors = await Promise.all(places.map((place) => visit(t, place)))
    const counts = await Promise.all(visitors.map(({ call }) => call('adapter', ['serverCount'])))
    visitors.forEach(({ close }) => close())
    return counts.every((count) => count === places.length)
  })
  const all = await Promise.all(places.map((place) => visit(t, place)))
  const asker = all[asking]!
  const ended = all[1]!
  const others = all.filter((one) => one !== ended)
  process.kill(ended.pid, 'SIGSTOP')
  const note = `asked by ${asker.pid}`
  const requests = Promise.all(
    Array.from({ length: 8 }, () =>
      Promise.all([
        asker.call<{ id: string }[]>('namespace', ['fetchSockets']),
        asker.call<number[]>('namespace', ['serverSideEmitWithAck', 'note and answer', note]),
        hasRooms ? asker.call<string[]>('adapter', ['allRooms']) : ([] as string[]),
      ]),
    ),
  )
  const heard = async ({ socket }: Visitor) => {
    const notes = (await socket.emitWithAck('notes')) as unknown[]
    return notes.filter((one) => one === note).length === 8
  }
  const listeners = others.filter((one) => one !== asker)
  await until('the other workers have the requests', async () =>
    (await Promise.all(listeners.map(heard))).every(Boolean),
  )
  process.kill(ended.pid, 'SIGKILL')
  for (const [sockets, answers, rooms] of await requests) {
    t.strictSame(sockets.map(({ id }) => id).toSorted(), others.map(({ id }) => id).toSorted())
    if (hasRooms) t.ok(others.every(({ id }) => rooms.includes(id)))
    t.strictSame(inOrder(answers), inOrder(listeners.map(({ pid }) => pid)))
  }
  for (const one of all) one.close()
}
