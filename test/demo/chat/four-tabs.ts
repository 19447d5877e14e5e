// Four tabs from two client addresses, and checks of what must work between them over every backplane.
import type { Test } from 'tap'
import { startBrowser } from '../../support/browser.ts'
import { startProgram, type Program } from '../../support/program.ts'
import { ChatTab } from './chat-tab.ts'

export interface FourTabs {
  demo: Program
  url: string
  /** Ann and Bob come from 127.0.0.1. */
  ann: ChatTab
  bob: ChatTab
  /** Cleo and Dan come from ::1, and another worker serves them. */
  cleo: ChatTab
  dan: ChatTab
  all: ChatTab[]
}

export const names = ['Ann', 'Bob', 'Cleo', 'Dan']

export async function openFourTabs(t: Test, env: Record<string, string> = {}): Promise<FourTabs> {
  const demo = startProgram(t, 'demo/chat/server.js', ['--port', '0', '--workers', '3'], env)
  await demo.printed(/Ctrl-C stops it/)
  const [, url, other] = await demo.printed(/Open +(http:\S+) .*\n.* (http:\S+) /)
  const browser = await startBrowser(t)
  const ann = await ChatTab.open(browser, url!, 'Ann')
  const bob = await ChatTab.open(browser, url!, 'Bob')
  const cleo = await ChatTab.open(browser, other!, 'Cleo')
  const dan = await ChatTab.open(browser, other!, 'Dan')
  return { demo, url: url!, ann, bob, cleo, dan, all: [ann, bob, cleo, dan] }
}

/** Checks messages, presence and typing, within a worker and across workers. */
export async function chatWorks(t: Test, { ann, bob, cleo, dan, all }: FourTabs): Promise<void> {
  const here = await ann.worker()
  const there = await cleo.worker()
  t.not(here, there, 'two workers serve the two addresses')
  t.equal(await bob.worker(), here)
  t.equal(await dan.worker(), there)

  for (const tab of all) {
    await tab.sees('all members', async () => (await tab.people()).join() === names.join())
  }

  t.strictSame(await ann.say('Hello from Ann'), { text: 'Hello from Ann', state: 'waiting' }, 'shown at once')
  for (const tab of all) t.equal(await tab.receives('Hello from Ann'), here, 'with the worker that took it')
  await dan.say('Hello from Dan')
  for (const tab of all) t.equal(await tab.receives('Hello from Dan'), there)

  await cleo.page.locator('#text').pressSequentially('I am')
  for (const tab of [ann, bob, dan]) {
    await tab.sees('that Cleo writes', async () => /Cleo is writing/.test(await tab.text('#typing')))
  }
  await cleo.say('I am done')
  await ann.receives('I am done')
  t.equal(await ann.text('#typing'), '', 'a sent message ends the sign of typing')
}

/** Checks that no tab had a refused request, an exception or a blocked script. */
export function noComplaints(t: Test, { all }: FourTabs): void {
  for (const { name, complaints } of all) t.strictSame(complaints, [], `${name} has nothing to complain about`)
}
