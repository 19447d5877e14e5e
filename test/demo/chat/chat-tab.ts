// A browser tab with the chat: the actions of a user, and the contents of the page.
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { until } from '../../support/clients.ts'

/** The part of the DOM that this file uses; the compiler must not offer the DOM to code for Node. */
interface Element {
  value: string
  textContent: string
  dataset: Record<string, string>
  lastChild: Element
  lastElementChild: Element
  querySelector(selector: string): Element
  dispatchEvent(event: object): void
}
declare const document: {
  /** null while the page is loading. */
  body: Element | null
  querySelector(selector: string): Element
  querySelectorAll(selector: string): Iterable<Element>
}
declare const KeyboardEvent: new (type: string, init: object) => object

export class ChatTab {
  readonly page: Page
  readonly name: string
  /** HTTP errors, exceptions and blocked scripts. */
  readonly complaints: string[] = []

  private constructor(page: Page, name: string) {
    this.page = page
    this.name = name
    page.on('response', (response) => {
      if (response.status() >= 400) this.complaints.push(`${response.status()} ${response.url()}`)
    })
    page.on('pageerror', (error) => this.complaints.push(error.message))
    page.on('console', (message) => {
      if (/content security policy/i.test(message.text())) this.complaints.push(message.text())
    })
  }

  /** Opens the page and enters the lobby. */
  static async open(
    browser: Browser,
    url: string,
    name: string,
    options: BrowserContextOptions = {},
  ): Promise<ChatTab> {
    const context = await browser.newContext(options)
    const tab = new ChatTab(await context.newPage(), name)
    await tab.page.goto(url)
    await tab.page.waitForSelector('dialog[open]')
    await tab.page.fill('#enter-name', name)
    await tab.page.keyboard.press('Enter')
    await tab.isIn()
    return tab
  }

  /** Waits until the tab is in the lobby and has upgraded to its last transport. */
  async isIn(): Promise<void> {
    const last = new URL(this.page.url()).searchParams.get('transport') === 'polling' ? 'polling' : 'websocket'
    await this.sees(`the room, over ${last}`, async () => {
      const { room, transport } = await this.state()
      return room === 'lobby' && transport === last
    })
  }

  /** The data attributes of the page's body: worker, pid, connected, disconnects, refused, room, transport. */
  state(): Promise<Record<string, string>> {
    return this.page.evaluate(() => ({ ...document.body?.dataset }))
  }

  async worker(): Promise<number> {
    return Number((await this.state())['worker'])
  }

  async pid(): Promise<number> {
    return Number((await this.state())['pid'])
  }

  async sees(what: string, holds: () => Promise<boolean>): Promise<void> {
    await until(`${this.name} sees ${what}`, holds)
  }

  /**
   * Writes a message and presses Enter.
   *
   * @returns the line in the log before an answer of the server
   */
  say(text: string): Promise<{ text: string; state: string }> {
    return this.page.evaluate((message) => {
      const area = document.querySelector('#text')
      area.value = message
      area.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }))
      const last = document.querySelector('#log').lastElementChild
      return { text: last.querySelector('.text').textContent, state: last.dataset['state'] ?? '' }
    }, text)
  }

  /** The messages that have arrived, each with the worker on its badge. */
  messages(): Promise<{ name: string; text: string; worker: number }[]> {
    return this.page.evaluate(() =>
      [...document.querySelectorAll('#log [data-state=sent]')].map((line) => ({
        name: line.querySelector('.name').textContent,
        text: line.querySelector('.text').textContent,
        worker: Number(line.querySelector('.badge').textContent),
      })),
    )
  }

  /** Waits for the message. @returns the worker on its badge */
  async receives(text: string): Promise<number> {
    const find = async () => (await this.messages()).find((message) => message.text === text)
    await this.sees(`'${text}'`, async () => (await find()) !== undefined)
    return (await find())!.worker
  }

  /** The sorted names of the members; dimmed names are marked. */
  people(): Promise<string[]> {
    return this.page.evaluate(() =>
      [...document.querySelectorAll('#people li')]
        .map(
          ({ lastChild, dataset }) => lastChild.textContent.replace(' (you)', '') + ('away' in dataset ? ' away' : ''),
        )
        .sort(),
    )
  }

  notices(): Promise<string[]> {
    return this.page.locator('.notice').allTextContents()
  }

  text(selector: string): Promise<string> {
    return this.page.locator(selector).innerText()
  }
}
