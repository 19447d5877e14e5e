import t from 'tap'
import { CHROMIUM, startBrowser } from '../../support/browser.ts'
import { missing } from '../../support/installed.ts'
import { startProgram } from '../../support/program.ts'
import { ChatTab } from './chat-tab.ts'

const skip = missing(CHROMIUM)

t.test('a tab gets the worker, the session or the transport that its address asks for', { skip }, async (t) => {
  const demo = startProgram(t, 'demo/chat/server.js', ['--port', '0', '--workers', '3', '--balance', 'round-robin'])
  const [, url] = await demo.printed(/Open +(http:\S+)/)
  await demo.printed(/Ctrl-C stops it/)
  const browser = await startBrowser(t)
  const tabs: ChatTab[] = []
  const open = async (query: string): Promise<ChatTab> => {
    const tab = await ChatTab.open(browser, `${url}/${query}`, `Tab ${tabs.length}`)
    tabs.push(tab)
    return tab
  }
  for (const worker of [0, 1, 2]) {
    for (const transport of ['default', 'polling', 'websocket']) {
      t.equal(await (await open(`?worker=${worker}&transport=${transport}`)).worker(), worker, transport)
    }
  }
  const first = tabs[0]!

  const [popup] = await Promise.all([
    first.page.waitForEvent('popup'),
    first.page.click('#tabs-on a[aria-label="Another tab on worker 2"]'),
  ])
  await popup.waitForSelector('dialog[open]')
  t.equal(await popup.evaluate(() => document.body.dataset['worker']), '2')
  await popup.close()

  const own = await open('?by=session&transport=polling')
  const kept = await own.worker()
  await own.page.reload()
  await own.isIn()
  t.equal(await own.worker(), kept, 'its session keeps its worker through a reload')
  await own.page.click('#transport a >> text=websocket')
  await own.isIn()
  t.match(new URL(own.page.url()).search, '?by=session&transport=websocket')
  t.equal(await own.worker(), kept)

  await tabs[8]!.say('Hello all')
  for (const tab of tabs) t.equal(await tab.receives('Hello all'), 2)

  // Pinned tabs wait for their own worker, wherever their new connections are.
  const pid = await first.pid()
  await first.page.click('#kill')
  for (const tab of [tabs[0]!, tabs[1]!, tabs[2]!]) {
    await tab.sees('a new process', async () => {
      const state = await tab.state()
      return state['connected'] === 'true' && Number(state['pid']) !== pid
    })
    t.equal(await tab.worker(), 0)
  }
  // A tab that polls may have had its connection on the worker that was killed.
  for (const tab of [tabs[3]!, tabs[5]!, tabs[6]!, tabs[8]!]) {
    t.equal((await tab.state())['disconnects'], '0', `${tab.name} noticed nothing`)
  }

  const lost = await open('?worker=200')
  t.match(await lost.text('#by-hint'), /There is no worker 200/)
})

declare const document: { body: { dataset: Record<string, string> } }
