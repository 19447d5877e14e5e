// Further behaviour of the chat's tabs, in addition to chat.test.ts.
import t from 'tap'
import { CHROMIUM } from '../../support/browser.ts'
import { until } from '../../support/clients.ts'
import { missing } from '../../support/installed.ts'
import { ChatTab } from './chat-tab.ts'
import { noComplaints, openFourTabs } from './four-tabs.ts'

const skip = missing(CHROMIUM)

t.test('a tab shows its own message as all others show it', { skip }, async (t) => {
  const { ann, cleo } = await openFourTabs(t)
  await ann.say('\u202eabc')
  await cleo.receives('abc')
  await ann.sees('what was kept of it', async () => (await ann.messages()).some(({ text }) => text === 'abc'))
})

t.test('a message that is written without a connection is sent once, after the reconnection', { skip }, async (t) => {
  const tabs = await openFourTabs(t)
  const { demo, ann, cleo } = tabs
  await ann.say('before')
  await cleo.receives('before')

  // A stopped primary starts no new worker.
  process.kill(demo.pid, 'SIGSTOP')
  process.kill(await ann.pid(), 'SIGKILL')
  await ann.sees('that it is cut off', async () => (await ann.state())['connected'] === 'false')
  await ann.say('first')
  await ann.say('second')
  t.match(await ann.text('#banner'), /lost.*2 messages wait/s)
  process.kill(demo.pid, 'SIGCONT')

  await ann.receives('second')
  await cleo.receives('second')
  await cleo.say('after')
  for (const tab of [ann, cleo]) {
    await tab.receives('after')
    t.strictSame(
      (await tab.messages()).map(({ text }) => text),
      ['before', 'first', 'second', 'after'],
    )
  }
  t.equal(await ann.page.locator('[data-state=waiting]').count(), 0)
  noComplaints(t, tabs)
})

t.test('user input is text, never markup', { skip }, async (t) => {
  const tabs = await openFourTabs(t)
  const { ann, dan, url } = tabs
  const attack = `<img src=x onerror="document.body.dataset.hacked='1'"><b>bold</b><script>document.body.dataset.hacked='1'</script>`
  await dan.say(attack)
  t.equal(await ann.receives(attack), await dan.worker())
  const mallory = await ChatTab.open(ann.page.context().browser()!, url, '<i onclick=1>Mallory</i>')
  await ann.sees('the name as it is', async () => (await ann.people()).includes('<i onclick=1>Mallory</i>'))
  await mallory.page.locator('#text').pressSequentially('x')
  await ann.sees('it while typing', async () => (await ann.text('#typing')).includes('<i onclick=1>'))
  t.equal(await ann.page.locator('#log img, #log b, #log script, #people i, #typing i, .notice i').count(), 0)
  t.equal((await ann.state())['hacked'], undefined)
  noComplaints(t, tabs)
})

t.test('rooms are separate, and a tab that goes leaves at once', { skip }, async (t) => {
  const { ann, cleo, dan } = await openFourTabs(t)
  await cleo.page.fill('#room-input', 'Tide pool')
  await cleo.page.press('#room-input', 'Enter')
  await cleo.sees('the other room', async () => (await cleo.text('#room-name')) === '# Tide pool')
  t.equal(new URL(cleo.page.url()).hash, '#Tide%20pool', 'the address leads there too')
  await ann.sees('that Cleo left', async () => (await ann.notices()).includes('Cleo has left'))
  await cleo.say('alone here')
  await cleo.receives('alone here')
  await dan.say('in the lobby')
  await ann.receives('in the lobby')
  t.notOk((await ann.messages()).some(({ text }) => text === 'alone here'))
  await ann.sees('the room in the list', async () => /# Tide pool/.test(await ann.text('#rooms')))

  await dan.page.close({ runBeforeUnload: false })
  await ann.sees('that Dan left', async () => (await ann.notices()).includes('Dan has left'))
  await ann.page.click('#rename')
  await ann.page.fill('#enter-name', 'Anna')
  await ann.page.press('#enter-name', 'Enter')
  await ann.sees('the new name', async () => (await ann.people()).join() === 'Anna,Bob')
  await until('the dialog is gone', async () => (await ann.page.locator('dialog[open]').count()) === 0)
})
