// The page of the rooms in unusual cases: no connection, an empty message, more lines than fit, Redis away.
import { once } from 'node:events'
import type { Page } from 'playwright-core'
import t from 'tap'
import { WebSocket } from 'ws'
import { CHROMIUM, startBrowser } from '../support/browser.ts'
import { missing } from '../support/installed.ts'
import { startRedis } from '../support/redis.ts'
import { startDemo, stopDemo } from './demo.ts'
import { isReadable, openPage } from './page.ts'

const skip = missing(CHROMIUM)

t.test(
  'a text that is written without a connection stays, and can be sent after the reconnection',
  { skip },
  async (t) => {
    const demo = await startDemo(t, 'ws', ['--workers', '0'])
    const { page } = await openPage(await startBrowser(t), demo.url)
    await page.waitForSelector('#log >> text="You are in lobby."')
    await say(page, 'before')
    await page.waitForSelector('#log >> text="before"')
    demo.program.child.kill('SIGKILL')
    await page.waitForSelector('#log >> text=/The connection is lost, trying again/')
    await say(page, 'meanwhile')
    t.equal(await page.inputValue('#text'), 'meanwhile')
    t.ok(await page.isDisabled('#say button'))
    await isReadable(t, page)

    const again = await startDemo(t, 'ws', ['--workers', '0', '--port', String(demo.port)])
    await page.waitForSelector('#say button:enabled')
    t.equal(await page.inputValue('#text'), 'meanwhile')
    await page.click('#say button')
    await page.waitForSelector('#log >> text="meanwhile"')
    t.equal(await page.inputValue('#text'), '')
    await stopDemo(t, again)
  },
)

t.test('a message or a room of spaces only is refused, and many lines scroll in their list', { skip }, async (t) => {
  const demo = await startDemo(t, 'ws')
  const { page } = await openPage(await startBrowser(t), demo.url)
  await page.waitForSelector('#log >> text="You are in lobby."')
  await say(page, '   ')
  t.equal(await page.evaluate("document.querySelector('#text').matches(':invalid')"), true)
  await page.fill('#room', '   ')
  await page.click('#enter button')
  t.equal(await page.evaluate("document.querySelector('#room').matches(':invalid')"), true)
  for (let n = 1; n <= 60; n++) await say(page, `line ${n}`)
  await page.waitForSelector('#log >> text="line 60"')
  t.equal(await page.locator('#log li').count(), 50)
  for (const size of [
    { width: 1280, height: 720 },
    { width: 380, height: 740 },
  ]) {
    await page.setViewportSize(size)
    await say(page, `at ${size.width}`)
    await page.waitForSelector(`#log >> text="at ${size.width}"`)
    for (const selector of ['#log li:last-child', '#text']) t.ok(await isInView(page, selector), selector)
  }
  await stopDemo(t, demo)
})

const noRedis = skip || missing('redis-server')

t.test(
  'while Redis is away a room can be entered, and the page says which workers get a message',
  { skip: noRedis },
  async (t) => {
    const redis = await startRedis(t)
    const demo = await startDemo(t, 'ws', [], { REDIS_URL: redis.url })
    const { page, complaints } = await openPage(await startBrowser(t), demo.url)
    await page.waitForSelector('#log >> text="You are in lobby."')
    await redis.kill()
    await page.waitForSelector('#log >> text=/Other workers cannot be reached for now/')
    await page.fill('#room', 'harbour')
    await page.click('#enter button')
    await page.waitForSelector('#log >> text="You are in harbour."')
    // The client has the same address, so the same worker.
    const other = new WebSocket(`ws://127.0.0.1:${demo.port}`)
    t.teardown(() => other.terminate())
    await once(other, 'open')
    other.send(JSON.stringify({ type: 'enter', room: 'harbour' }))
    await page.waitForSelector('#log >> text="A client has come in, served by"')
    await redis.start()
    await page.waitForSelector('#log >> text="The other workers can be reached again."')
    t.strictSame(complaints, [])
  },
)

async function say(page: Page, text: string): Promise<void> {
  await page.fill('#text', text)
  await page.press('#text', 'Enter')
}

/** Whether the element is in view: within the window, and within the log if it is part of it. */
function isInView(page: Page, selector: string): Promise<boolean> {
  return page.evaluate(`{
    const element = document.querySelector('${selector}')
    const { bottom } = element.getBoundingClientRect()
    const frame = element.closest('#log')?.getBoundingClientRect().bottom ?? Infinity
    bottom <= Math.min(innerHeight, frame)
  }`)
}
