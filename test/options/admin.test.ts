import t from 'tap'
import { readSettings } from '../../src/options/settings.ts'

const read = (admin: unknown, port = 3000) => readSettings({ workers: 1, port, admin } as never).admin

t.test('the admin interface is off, on a port, or on an address', async (t) => {
  const local = { port: 9464, host: '127.0.0.1', names: [] }
  t.equal(read(false), undefined)
  t.strictSame(read(true), local)
  t.strictSame(read({}), local)
  t.strictSame(read(80), { ...local, port: 80 })
  t.strictSame(read({ port: 0, host: '[::1]', names: ['App'] }), { port: 0, host: '::1', names: ['app'] })
  for (const admin of ['x', null, [80], 70_000, -1, { port: '-1' }, { host: '' }, { names: 'app' }, { prot: 1 }]) {
    t.throws(() => read(admin), { code: 'HOLDFAST_BAD_OPTION', message: /admin/ })
  }
  t.throws(() => read(true, 9464), { message: /another port than the clients have.*write admin: 9465/ })
  t.equal(read(0, 0)!.port, 0)
})
