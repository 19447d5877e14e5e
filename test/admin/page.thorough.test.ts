import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Page } from 'playwright-core'
import { startBalancer, type Balancer } from '../support/balancer.ts'
import { CHROMIUM, startBrowser } from '../support/browser.ts'
import { loopback, pool, request, until } from '../support/clients.ts'
import { missing } from '../support/installed.ts'

const skip = missing(CHROMIUM)

t.test('the page shows the workers, and reloads and scales them', { skip }, async (t) => {
  const { balancer, page } = await open(t, {})
  await until('the page shows the requests of a second', async () => {
    await pool(
      Array.from({ length: 20 }, (_, n) => () => request({ port: balancer.port, from: loopback(n) })),
      10,
    )
    return /ready128\d+\d+[1-9]/.test((await textOf(page, '#workers')).replaceAll(/[^a-z0-9]/g, ''))
  })
  t.match(await textOf(page, '#state'), '2 of 2 workers ready')
  await page.click('#reload')
  await until('it is done', async () => (await textOf(page, '#outcome')) === 'reload: done')
  await page.click('#more')
  await until('it is done', async () => (await textOf(page, '#outcome')) === '3 workers: done')
  await until('there are three', async () => (await page.locator('#workers tr').count()) === 3)
  t.match(await textOf(page, '#ends'), /worker 0: code 0/)
  const { worker } = await balancer.explain('203.0.113.7')
  for (const [address, answer] of [
    ['203.0.113.7', new RegExp(`^worker ${worker} \\(slot \\d+\\)`)],
    ['nowhere', /'nowhere'/],
  ] as const) {
    await page.fill('#address', address)
    await page.press('#address', 'Enter')
    await until('it is explained', async () => answer.test(await textOf(page, '#explained')))
  }
  await balancer.close()
  await until('the page reports it', async () => /no answer/.test(await textOf(page, '#state')))
})

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [360, 1280]) {
    t.test(`the page fits into ${width} pixels, in ${colorScheme}`, { skip }, async (t) => {
      const { balancer, page } = await open(t, { colorScheme, viewport: { width, height: 900 } })
      const back = balancer.event('worker:ready')
      process.kill(await balancer.pid(1), 'SIGKILL')
      await back
      await until('the page shows its end', async () => /SIGKILL/.test(await textOf(page, '#ends')))
      t.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width)
      // SHOTS=folder saves screenshots.
      const folder = process.env['SHOTS']
      if (folder) await page.screenshot({ path: join(folder, `admin-${width}-${colorScheme}.png`), fullPage: true })
    })
  }
}

async function open(t: Test, how: object): Promise<{ balancer: Balancer; page: Page }> {
  const balancer = await startBalancer(t, { options: { workers: 2, admin: 0, reload: { grace: 0, spread: 0 } } })
  const [url] = /http:\/\/127\.0\.0\.1:\d+\//.exec(balancer.output())!
  const browser = await startBrowser(t)
  const page = await browser.newPage(how)
  page.on('pageerror', ({ message }) => t.fail(message))
  await page.goto(url)
  await until('the page shows the workers', async () => (await page.locator('#workers tr').count()) === 2)
  return { balancer, page }
}

async function textOf(page: Page, selector: string): Promise<string> {
  return (await page.textContent(selector)) ?? ''
}

declare const document: { documentElement: { scrollWidth: number } }
