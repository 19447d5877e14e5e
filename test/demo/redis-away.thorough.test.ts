// The messages of the demos, in the terminal and on their pages, while Redis is away and after it is back.
import { readlinkSync } from 'node:fs'
import t from 'tap'
import { CHROMIUM, startBrowser } from '../support/browser.ts'
import { until } from '../support/clients.ts'
import { missing } from '../support/installed.ts'
import { descendants } from '../support/program.ts'
import { startRedis } from '../support/redis.ts'
import { ask, startDemo, stopDemo } from './demo.ts'
import { isReadable, openPage } from './page.ts'

const skip = missing('redis-server')

t.test('the terminal says once per worker that Redis is away, and that it is back', { skip }, async (t) => {
  const redis = await startRedis(t)
  const demo = await startDemo(t, 'ws', [], { REDIS_URL: redis.url })
  const { program } = demo
  t.ok(program.stdout().includes(`Redis      at ${redis.url} (REDIS_URL)`), 'which one it is')
  await redis.kill()
  for (const id of [0, 1]) await program.printed(new RegExp(`^Worker ${id}: Redis is away \\(.+\\)\\.$`, 'm'))
  await redis.start()
  for (const id of [0, 1]) await program.printed(new RegExp(`^Worker ${id}: Redis is back\\.$`, 'm'))
  t.equal(program.stdout().match(/is away/g)?.length, 2)
  await stopDemo(t, demo)
})

t.test('without Redis only the sessions in Redis are unavailable', { skip: skip || missing(CHROMIUM) }, async (t) => {
  const redis = await startRedis(t)
  const demo = await startDemo(t, 'sessions', [], { REDIS_URL: redis.url })
  const { page } = await openPage(await startBrowser(t), demo.url)
  await page.click('#visit')
  await page.waitForSelector('#redis [data-visits] >> text="1"')
  await redis.kill()
  await page.click('#visit')
  await page.waitForSelector('#redis [data-visits] >> text="away"')
  await page.waitForSelector('#redis >> text="Redis is away, and with it the sessions that it keeps."')
  await page.waitForSelector('#memory [data-visits] >> text="2"')
  await page.reload()
  await page.waitForSelector('#others .hint')
  await page.waitForSelector('#redis [data-visits] >> text="away"')
  await isReadable(t, page)
  const away = { status: 503, body: { error: /Redis is away/ } }
  t.match(await ask(demo.port, '/redis', { method: 'POST' }), away, 'a first visit is not counted either')
  await redis.start()
  for (const id of [0, 1]) {
    await demo.program.printed(new RegExp(`^Worker ${id}: Redis is back\\.$`, 'm'))
    t.equal(demo.program.stdout().match(new RegExp(`Worker ${id}: Redis is away`, 'g'))?.length, 1)
  }
  await page.click('#visit')
  await page.waitForSelector('#redis [data-visits] >> text="1"')
  await page.waitForSelector('#redis >> text=/connect-redis/')
  redis.freeze()
  t.match(await ask(demo.port, '/redis', { method: 'POST' }), away, 'nor while Redis hangs')
  redis.thaw()
  await stopDemo(t, demo)
})

t.test(
  'without Redis the counter in Redis is shown as away, not as off',
  { skip: skip || missing(CHROMIUM) },
  async (t) => {
    const redis = await startRedis(t)
    const demo = await startDemo(t, 'counter', [], { REDIS_URL: redis.url })
    const { page, complaints } = await openPage(await startBrowser(t), demo.url)
    await page.click('#redis [data-hits="1"]')
    await page.waitForSelector('#redis [data-total] >> text="1"')
    await redis.kill()
    await page.waitForSelector('#redis [data-total] >> text="away"')
    await page.waitForSelector('#redis >> text=/^Redis is away\\./')
    await isReadable(t, page)
    const hit = await ask(demo.port, '/hit/redis', { method: 'POST' })
    t.match(hit, { status: 503, body: { error: /^Redis is away/ } })
    await redis.start()
    await page.waitForSelector('#redis >> text="It is back."')
    await page.click('#redis [data-hits="1"]')
    // The total has the kept hit and the new one; the first hit was lost, because this Redis saves nothing.
    await page.waitForSelector('#redis [data-total] >> text="2"')
    t.strictSame(complaints, [])
    await stopDemo(t, demo)
  },
)

for (const [name, words] of [
  ['ws', 'tabs of different workers do not hear each other now'],
  ['counter', 'its number stands still, the others count on'],
  ['sessions', 'the sessions in it are gone'],
] as const) {
  t.test(`the end of a private Redis is printed in the words of the demo: ${name}`, { skip }, async (t) => {
    const { program } = await startDemo(t, name, ['--redis'])
    t.match(program.stdout(), /Redis +a private one for this demo/)
    process.kill(redisOf(program.pid), 'SIGKILL')
    await until('the end of Redis is printed', () =>
      program.stderr().includes(`The private redis-server has ended; ${words}.`),
    )
  })
}

t.test('without Redis the demos say so', async (t) => {
  const { program } = await startDemo(t, 'counter')
  t.match(program.stdout(), /Redis +none \(REDIS_URL is not set\); that number is off/)
})

function redisOf(demo: number): number {
  return descendants(demo).find((pid) => /redis/.test(readlinkSync(`/proc/${pid}/exe`)))!
}
