import t from 'tap'
import { CHROMIUM, startBrowser } from '../support/browser.ts'
import { missing } from '../support/installed.ts'
import { ask, oneClientEach, startDemo, stopDemo, type Answer } from './demo.ts'
import { isReadable, openPage } from './page.ts'

const noRedis = missing('redis-server')

t.test(
  'sessions in memory live as long as their worker, sessions in Redis live longer',
  { skip: noRedis },
  async (t) => {
    const demo = await startDemo(t, 'sessions', ['--redis'])
    const { port, url } = demo
    const visit = (from: string, store: string, cookies: Record<string, string> = {}) =>
      ask(port, `/${store}`, { from, method: 'POST', headers: { cookie: header(cookies) } })
    const [one, other] = await oneClientEach(async (from) =>
      Number((await ask(port, '/memory', { from })).body['worker']),
    )

    t.test('a session is found from another address by the cookie that names its worker', async (t) => {
      const first = await visit(one, 'memory')
      const cookies = cookiesOf(first)
      t.match(first.body, { worker: 0, visits: 1 })
      t.match(await visit(one, 'memory', cookies), { body: { worker: 0, visits: 2 } })
      t.match(await visit(other, 'memory', cookies), { body: { worker: 0, visits: 3 } })
      const { 'memory.sid': sid } = cookies
      t.match(await visit(other, 'memory', { 'memory.sid': sid! }), { body: { worker: 1, visits: 1 } }, 'only by that')
    })

    t.test('every worker finds a session in Redis', async (t) => {
      const { 'redis.sid': sid } = cookiesOf(await visit(one, 'redis'))
      t.match(await visit(other, 'redis', { 'redis.sid': sid! }), { body: { worker: 1, visits: 2 } })
    })

    t.test('the page shows both counts, also after its worker was killed', { skip: missing(CHROMIUM) }, async (t) => {
      const { page, complaints } = await openPage(await startBrowser(t), url)
      await page.click('#visit')
      await page.click('#visit')
      await page.waitForSelector('#memory [data-visits] >> text="2"')
      await page.waitForSelector('#redis [data-visits] >> text="2"')
      await isReadable(t, page)
      await page.click('#kill')
      await page.waitForSelector('#news >> text=/Process \\d+ of worker \\d is gone/')
      await page.waitForSelector('#memory [data-visits] >> text="0"')
      await page.waitForSelector('#redis [data-visits] >> text="2"')
      t.strictSame(complaints, [])
    })

    t.test('a client of another machine may not kill a worker', async (t) => {
      const headers = { 'x-forwarded-for': '203.0.113.7' }
      t.match(await ask(port, '/kill', { method: 'POST', headers }), { status: 403 })
      t.match(await ask(port, '/kill', { method: 'POST', headers: { origin: 'http://evil.example' } }), { status: 403 })
    })

    t.test('the demo ends without errors', (t) => stopDemo(t, demo))
  },
)

t.test('without Redis the sessions in memory work', async (t) => {
  const demo = await startDemo(t, 'sessions', ['--workers', '1'])
  t.match(await ask(demo.port, '/memory', { method: 'POST' }), { body: { visits: 1 } })
  t.match(await ask(demo.port, '/redis', { method: 'POST' }), { body: { visits: null } })
})

function cookiesOf({ headers }: Answer): Record<string, string> {
  return Object.fromEntries(
    (headers['set-cookie'] ?? []).map((line) => /^([^=]+)=([^;]*)/.exec(line)!.slice(1, 3) as [string, string]),
  )
}

function header(cookies: Record<string, string>): string {
  return Object.entries(cookies)
    .map(([name, value]) => `${name}=${value}`)
    .join('; ')
}
