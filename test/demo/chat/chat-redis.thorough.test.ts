import t from 'tap'
import { CHROMIUM } from '../../support/browser.ts'
import { missing } from '../../support/installed.ts'
import { startRedis } from '../../support/redis.ts'
import { chatWorks, names, noComplaints, openFourTabs } from './four-tabs.ts'

const skip = missing(CHROMIUM) || missing('redis-server')

t.test('the chat works through Redis, and again after Redis was away', { skip }, async (t) => {
  const redis = await startRedis(t)
  const tabs = await openFourTabs(t, { REDIS_URL: redis.url })
  const { demo, ann, bob, cleo, dan, all } = tabs
  const pids = await Promise.all(all.map((tab) => tab.pid()))
  t.match(demo.stdout(), /Backplane +Redis/)
  t.equal(await ann.text('#backplane'), 'Redis')
  await chatWorks(t, tabs)

  await redis.kill()
  for (const tab of all) {
    await tab.sees('that Redis is away', async () => (await tab.text('#backplane')) === 'Redis is away')
  }
  await ann.say('Do you hear me?')
  await bob.receives('Do you hear me?')
  await cleo.say('Is it quiet in here?')
  await dan.receives('Is it quiet in here?')
  const received = (await cleo.messages()).map(({ text }) => text)
  t.notOk(received.includes('Do you hear me?'), 'there is no way to the other worker')
  t.strictSame(await ann.people(), names, 'the others are still believed to be there')

  await redis.start()
  for (const tab of all) await tab.sees('that Redis is back', async () => (await tab.text('#backplane')) === 'Redis')
  await dan.say('Hello again')
  for (const tab of all) await tab.receives('Hello again')
  for (const tab of all) {
    await tab.receives('Do you hear me?')
    await tab.receives('Is it quiet in here?')
    await tab.sees('all members', async () => (await tab.people()).join() === names.join())
    t.strictSame(
      (await tab.notices()).filter((text) => /left/.test(text)),
      [],
    )
    t.equal((await tab.state())['disconnects'], '0')
  }
  t.strictSame(await Promise.all(all.map((tab) => tab.pid())), pids, 'no worker has ended')
  noComplaints(t, tabs)
})
