// What the page says of the way that it is served: the number of refused requests, and the table of workers.
import type { Route } from 'playwright-core'
import t, { type Test } from 'tap'
import { CHROMIUM, startBrowser } from '../../support/browser.ts'
import { until } from '../../support/clients.ts'
import { missing } from '../../support/installed.ts'
import { startProgram } from '../../support/program.ts'
import { ChatTab } from './chat-tab.ts'

const skip = missing(CHROMIUM)

async function start(t: Test) {
  const demo = startProgram(t, 'demo/chat/server.js', ['--port', '0', '--workers', '2'])
  await demo.printed(/Ctrl-C stops it/)
  const [, url] = await demo.printed(/Open +(http:\S+)/)
  return { demo, url: url!, browser: await startBrowser(t) }
}

const unknown = { status: 400, json: { code: 1, message: 'Session ID unknown' } }

t.test(
  'every answer with status 400 is counted once: of a poll, of a message and of both together',
  { skip },
  async (t) => {
    const { url, browser } = await start(t)
    const tab = await ChatTab.open(browser, `${url}?transport=polling`, 'Ann')
    const { page } = tab
    const counted = async () => Number((await tab.state())['refused'])
    const refused = () => tab.complaints.filter((complaint) => complaint.startsWith('400 ')).length

    // The poll that is open waits for a message, which is refused: then both answers are 400.
    let held: Route | undefined
    let isDone = false
    await page.route(/socket\.io\/\?.*sid=/, async (route) => {
      const isPoll = route.request().method() === 'GET'
      if (isPoll && held === undefined) held = route
      else if (isPoll || held === undefined || isDone) await route.continue()
      else {
        isDone = true
        await Promise.all([route.fulfill(unknown), held.fulfill(unknown)])
      }
    })
    await until('a poll is open', async () => held !== undefined)
    await tab.say('never')
    await until('both answers have come', () => refused() >= 2)
    await page.unrouteAll()
    await tab.isIn()
    t.equal(await counted(), refused())

    // The first poll of a session: its client is not connected yet.
    let isFirst = true
    await page.route(/socket\.io\/\?.*sid=/, (route) => {
      if (!isFirst || route.request().method() !== 'GET') return route.continue()
      isFirst = false
      return route.fulfill(unknown)
    })
    const before = refused()
    await page.reload()
    await tab.isIn()
    t.equal(await counted(), refused() - before)
    t.equal(await counted(), 1)
  },
)

t.test('after a reload the table has one row per worker, with its new process', { skip }, async (t) => {
  const { demo, url, browser } = await start(t)
  const tabs = await Promise.all(
    [0, 1].map((worker) => ChatTab.open(browser, `${url}?worker=${worker}`, `on worker ${worker}`)),
  )
  const before = await Promise.all(tabs.map((tab) => tab.pid()))
  demo.child.kill('SIGHUP')
  for (const [n, tab] of tabs.entries()) {
    await until(`${tab.name} is on a new process`, async () => ![before[n], NaN].includes(await tab.pid()), 30_000)
  }
  const after = await Promise.all(tabs.map((tab) => tab.pid()))
  for (const tab of tabs) {
    const table = () => tab.page.locator('#workers tr').allInnerTexts()
    await until('each new process is in the table', async () => {
      const rows = await table()
      return after.every((pid, worker) => rows.some((row) => row.startsWith(`${worker}\t${pid}\t1\t`)))
    })
    const rows = await table()
    t.equal(rows.length, 2, rows.join(' / '))
    t.notOk(rows.some((row) => row.includes('away')))
  }
})
