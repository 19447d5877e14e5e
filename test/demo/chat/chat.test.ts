import t from 'tap'
import { CHROMIUM } from '../../support/browser.ts'
import { missing } from '../../support/installed.ts'
import { ChatTab } from './chat-tab.ts'
import { chatWorks, names, noComplaints, openFourTabs } from './four-tabs.ts'

const skip = missing(CHROMIUM)

t.test(
  'four tabs of two clients chat across workers, and tabs of other workers do not notice a killed worker',
  { skip },
  async (t) => {
    const tabs = await openFourTabs(t)
    const { demo, url, ann, bob, cleo, dan, all } = tabs
    await chatWorks(t, tabs)

    const worker = await ann.worker()
    const pid = await ann.pid()
    await ann.page.click('#kill')
    for (const tab of [ann, bob]) {
      await tab.sees('a new process', async () => {
        const state = await tab.state()
        return state['connected'] === 'true' && Number(state['pid']) !== pid
      })
      t.equal(await tab.worker(), worker, `${tab.name} is back on the same worker`)
      t.equal((await tab.state())['disconnects'], '1')
    }
    await ann.say('Back again')
    for (const tab of all) t.equal(await tab.receives('Back again'), worker, 'in the same room, under the same name')
    for (const tab of all) {
      await tab.sees('all members', async () => (await tab.people()).join() === names.join())
      t.strictSame(
        (await tab.notices()).filter((text) => /left/.test(text)),
        [],
      )
    }
    for (const tab of [cleo, dan]) t.equal((await tab.state())['disconnects'], '0', `${tab.name} noticed nothing`)
    await cleo.sees('the restart in the table', async () => {
      const row = cleo.page.locator(`#workers tr[data-worker='${worker}'] td`)
      return (await row.last().innerText()) === '1'
    })
    t.match(demo.stdout(), new RegExp(`Worker ${worker} \\(pid ${pid}\\) has ended: SIGKILL`))

    const eve = await ChatTab.open(ann.page.context().browser()!, url, 'Eve')
    t.equal(await eve.worker(), worker)
    await eve.receives('Hello from Dan')
    t.strictSame(
      (await eve.messages()).map(({ text }) => text),
      ['Hello from Ann', 'Hello from Dan', 'I am done', 'Back again'],
      'a later tab gets the earlier messages, also from a worker that started after them',
    )
    t.strictSame(eve.complaints, [])
    noComplaints(t, tabs)
  },
)
