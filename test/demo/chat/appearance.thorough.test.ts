import type { Page } from 'playwright-core'
import t from 'tap'
import { CHROMIUM, startBrowser } from '../../support/browser.ts'
import { missing } from '../../support/installed.ts'
import { startProgram } from '../../support/program.ts'
import { ChatTab } from './chat-tab.ts'

const skip = missing(CHROMIUM)

type Colour = readonly [red: number, green: number, blue: number]

for (const colorScheme of ['light', 'dark'] as const) {
  t.test(`in ${colorScheme}, everything can be read and eight workers can be told apart`, { skip }, async (t) => {
    const { page } = await open(t, { colorScheme })
    const badges = await page.evaluate(() =>
      Array.from({ length: 8 }, (_, hue) => {
        const badge = document.createElement('span')
        badge.className = 'badge'
        badge.dataset['hue'] = String(hue)
        document.body.append(badge)
        const { color, backgroundColor } = getComputedStyle(badge)
        return { color, backgroundColor }
      }),
    )
    for (const [hue, { color, backgroundColor }] of badges.entries()) {
      t.ok(contrast(rgb(color), rgb(backgroundColor)) >= 4.5, `the number on badge ${hue}`)
      for (const other of badges.slice(hue + 1)) {
        t.ok(difference(rgb(backgroundColor), rgb(other.backgroundColor)) > 0.05, 'two badges look different')
      }
    }
    for (const place of [
      '#room-name',
      '.name',
      '.text',
      'time',
      '#my-pid',
      '.hint',
      '#kill',
      '#text',
      '#composer button',
      'th',
    ]) {
      const [text, ground] = await coloursOf(page, place)
      t.ok(contrast(text, ground) >= 4.5, `${place}: ${contrast(text, ground).toFixed(1)}`)
    }
  })
}

t.test('a phone of 360 pixels shows all elements, and the keyboard reaches them', { skip }, async (t) => {
  const tab = await open(t, { viewport: { width: 360, height: 640 } })
  const { page } = tab
  await tab.say('a'.repeat(500))
  await tab.receives('a'.repeat(500))
  t.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360, 'nothing sticks out')
  t.equal(await page.locator('#workers').isVisible(), false)
  await page.focus('#show-crew')
  await page.keyboard.press('Enter')
  t.equal(await page.locator('#workers').isVisible(), true)
  t.equal(await page.getAttribute('#show-crew', 'aria-expanded'), 'true')
  t.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360)
  await page.keyboard.press('Escape')
  t.equal(await page.locator('#workers').isVisible(), false)

  await page.focus('#text')
  await page.keyboard.type('one')
  await page.keyboard.press('Shift+Enter')
  await page.keyboard.type('two')
  await page.keyboard.press('Enter')
  await tab.receives('one\ntwo')
  t.equal(await page.evaluate(() => document.activeElement.id), 'text', 'ready for the next one')
})

t.test('the colours can be chosen, and the choice is kept', { skip }, async (t) => {
  const { page } = await open(t, { colorScheme: 'light' })
  const [before] = await coloursOf(page, '#room-name')
  for (const label of [/light/, /dark/]) {
    await page.click('#theme')
    t.match(await page.getAttribute('#theme', 'aria-label'), label)
  }
  t.notSame((await coloursOf(page, '#room-name'))[0], before)
  await page.reload()
  t.match(await page.getAttribute('#theme', 'aria-label'), /dark/)
})

async function open(
  t: Parameters<typeof startProgram>[0],
  options: Parameters<typeof ChatTab.open>[3],
): Promise<ChatTab> {
  const demo = startProgram(t, 'demo/chat/server.js', ['--port', '0', '--workers', '2'])
  await demo.printed(/Ctrl-C stops it/)
  const [, url] = await demo.printed(/Open +(http:\S+)/)
  const tab = await ChatTab.open(await startBrowser(t), url!, 'Ann', options)
  await tab.say('Hello')
  await tab.receives('Hello')
  return tab
}

/** The colours of an element's text and of its background. */
async function coloursOf(page: Page, selector: string): Promise<[Colour, Colour]> {
  const [text, ground] = await page.evaluate((first) => {
    let element = document.querySelector(first)
    const { color } = getComputedStyle(element)
    while (getComputedStyle(element).backgroundColor === 'rgba(0, 0, 0, 0)') element = element.parentElement
    return [color, getComputedStyle(element).backgroundColor] as const
  }, selector)
  return [rgb(text), rgb(ground)]
}

function rgb(css: string): Colour {
  const [red = 0, green = 0, blue = 0] = (css.match(/[\d.]+/g) ?? []).map((channel) => Number(channel) / 255)
  return [red, green, blue]
}

function linear(colour: Colour): Colour {
  const [red, green, blue] = colour.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  return [red!, green!, blue!]
}

/** Contrast as in WCAG 2, from 1 to 21. */
function contrast(one: Colour, other: Colour): number {
  const luminance = (colour: Colour) => {
    const [red, green, blue] = linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (light! + 0.05) / (dark! + 0.05)
}

/** Distance of two colours in Oklab (Björn Ottosson, 2020). */
function difference(one: Colour, other: Colour): number {
  const oklab = (colour: Colour) => {
    const [r, g, b] = linear(colour)
    const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    return [
      0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
      1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
      0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
    ]
  }
  const [a, b] = [oklab(one), oklab(other)]
  return Math.hypot(...a.map((value, i) => value - b[i]!))
}

/** The part of the DOM that this file uses. */
interface Element {
  id: string
  className: string
  scrollWidth: number
  dataset: Record<string, string>
  parentElement: Element
  append(child: Element): void
}
declare const document: {
  body: Element
  documentElement: Element
  activeElement: Element
  createElement(name: string): Element
  querySelector(selector: string): Element
}
declare function getComputedStyle(element: Element): { color: string; backgroundColor: string }
