import t from 'tap'
import { CHROMIUM, startBrowser } from '../support/browser.ts'
import { until } from '../support/clients.ts'
import { missing } from '../support/installed.ts'
import { ask, oneClientEach, startDemo, stopDemo } from './demo.ts'
import { isReadable, openPage } from './page.ts'

const ways = ['naive', 'ipc', 'redis']

t.test(
  'all workers share one number, and batches cost the primary less',
  { skip: missing('redis-server') },
  async (all) => {
    const t = all
    const demo = await startDemo(t, 'counter', ['--redis'])
    const { port, url } = demo
    const [one, other] = await oneClientEach(async (from) =>
      Number((await ask(port, '/worker', { from })).body['worker']),
    )
    const hit = async (way: string, hits: number, from: string) =>
      (await ask(port, `/hit/${way}?n=${hits}`, { from, method: 'POST' })).body

    t.test('with each way of counting', async (t) => {
      for (const way of ways) {
        t.match(await hit(way, 1_000, one), { worker: 0, total: 1_000 }, way)
        t.match(await hit(way, 1, other), { worker: 1, total: 1_001 }, way)
      }
      t.match(await hit('naive', 1_000, one), { total: 2_001, messages: 1_000 })
      const { messages } = await hit('ipc', 1_000, one)
      t.ok(Number(messages) <= 100, `${String(messages)} messages for a thousand hits`)
      t.match(await hit('redis', 1_000, one), { total: 2_001, messages: 0 })
      for (const wrong of ['none', 'naive?n=0', 'naive?n=10001']) {
        t.match(await ask(port, `/hit/${wrong}`, { method: 'POST' }), { status: 400 })
      }
      t.match(await ask(port, '/hit/%zz', { method: 'POST' }), { status: 400, body: { error: /decode/ } })
    })

    t.test('pages show the change', { skip: missing(CHROMIUM) }, async (t) => {
      // The page stays open until the end of the test.
      const { page, complaints } = await openPage(await startBrowser(all), url)
      for (const way of ways) await page.waitForSelector(`#${way} [data-total] >> text="2,001"`)
      for (const way of ways) await hit(way, 2, other)
      for (const way of ways) await page.waitForSelector(`#${way} [data-total] >> text="2,003"`)
      await page.click('#ipc [data-hits="1"]')
      await page.waitForSelector('#ipc [data-cost] >> text=/1 hit: \\d messages? to the primary/')
      await isReadable(t, page)
      const { pid } = (await ask(port, '/worker')).body
      await page.waitForSelector(`#worker >> text=/pid ${String(pid)}$/`)
      process.kill(Number(pid), 'SIGKILL')
      await until('another process serves', async () => (await ask(port, '/worker')).body['pid'] !== pid)
      const { pid: next } = (await ask(port, '/worker')).body
      await page.waitForSelector(`#worker >> text=/pid ${String(next)}$/`)
      t.strictSame(complaints, [])
    })

    t.test('the number survives a killed worker', async (t) => {
      const before = await Promise.all(ways.map(async (way) => Number((await hit(way, 1, other))['total'])))
      const { pid } = (await ask(port, '/worker', { from: one })).body
      process.kill(Number(pid), 'SIGKILL')
      await until('another process serves', async () => (await ask(port, '/worker', { from: one })).body['pid'] !== pid)
      for (const [n, way] of ways.entries()) t.match(await hit(way, 1, one), { worker: 0, total: before[n]! + 1 }, way)
    })

    t.test('the demo ends without errors, with an open page', (t) => stopDemo(t, demo))
  },
)

t.test('without Redis the counter in Redis is off', async (t) => {
  const { port } = await startDemo(t, 'counter', ['--workers', '1'])
  t.match(await ask(port, '/hit/redis', { method: 'POST' }), { status: 400 })
  t.match(await ask(port, '/hit/ipc', { method: 'POST' }), { status: 200, body: { total: 1 } })
})
