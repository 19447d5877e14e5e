import t from 'tap'
import { readSettings } from '../../src/options/settings.ts'

const read = (port: unknown, more: object = {}) => readSettings({ workers: 1, port, ...more } as never)

t.test('one port is a list of one', async (t) => {
  t.match(read(80), { port: 80, ports: [80] })
  t.match(readSettings(80), { port: 80, ports: [80] })
})

t.test('of several ports the first one is the port of the balancer', async (t) => {
  t.match(read([3000, 3001]), { port: 3000, ports: [3000, 3001] })
  t.match(read(['3000', ' 3001']), { port: 3000, ports: [3000, 3001] })
  t.match(read([0, 0]), { port: 0, ports: [0, 0] })
})

t.test('a wrong list is refused with an example of a valid one', async (t) => {
  const cases: [unknown, RegExp][] = [
    [[], /port: expected one port at least, got \[\]; write port: \[3000, 3001\]/],
    [[3000, 3000], /port: expected each port once, got \[ 3000, 3000 \]/],
    [[3000, 70_000], /port: expected integers from 0 to 65535, got 70000/],
    [[3000, 0.5], /port: expected integers/],
    [[3000, true], /port: expected integers from 0 to 65535, got true/],
  ]
  for (const [port, message] of cases) t.throws(() => read(port), { code: 'HOLDFAST_BAD_OPTION', message })
})

t.test('the admin interface needs another port than all of them', async (t) => {
  t.throws(() => read([3000, 9464], { admin: true }), { message: /admin: expected another port .*; write admin: 9465/ })
  t.throws(() => read([9464, 9465], { admin: 9465 }), { message: /write admin: 9466/ })
  t.match(read([3000, 3001], { admin: 3002 }), { admin: { port: 3002 } })
})
