import t from 'tap'
import { readSettings } from '../../src/options/settings.ts'
import { Primary } from '../../src/primary/primary.ts'
import { realWorld } from '../../src/world.ts'

t.test('every member can be called before the balancer is loaded', async (t) => {
  // This program would end at once as a worker. It is closed before it gets that far.
  const settings = readSettings({ port: 0, host: '127.0.0.1', workers: 2, exec: import.meta.filename, logger: false })
  let closed = 0
  const primary = new Primary(settings, [{ port: 0, host: '127.0.0.1' }], realWorld, () => closed++)
  primary.ready.catch(() => {})
  t.equal(primary.address(), null)
  const before = primary.status()
  t.match(before, { pid: process.pid, address: null, workers: [], steering: { name: 'handoff' } })
  const explained = primary.explain('192.0.2.7')
  t.throws(() => primary.explain('nothing'), { code: 'HOLDFAST_BAD_OPTION' })
  t.equal(await primary.close(), true)
  await t.rejects(primary.ready, { code: 'HOLDFAST_CLOSED' })
  t.equal(closed, 1)
  t.strictSame(primary.explain('192.0.2.7'), explained)
  const after = primary.status()
  const names = (value: object) => Object.keys(value).toSorted()
  t.strictSame(names(after), names(before), 'both states have the same fields')
  t.strictSame(names(after.bus), names(before.bus))
  t.strictSame(names(after.connections), names(before.connections))
})
