// A demo's page in a real browser: its errors, and whether all its text can be read.
import type { Browser, Page } from 'playwright-core'
import type { Test } from 'tap'

/** @returns the page, and a growing list of its HTTP errors, exceptions and blocked scripts */
export async function openPage(browser: Browser, url: string): Promise<{ page: Page; complaints: string[] }> {
  const page = await (await browser.newContext()).newPage()
  const complaints: string[] = []
  page.on('response', (response) => {
    if (response.status() >= 400) complaints.push(`${response.status()} ${response.url()}`)
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (/content security policy/i.test(message.text())) complaints.push(message.text())
  })
  await page.goto(url)
  return { page, complaints }
}

/**
 * Checks in light and dark colours, and on a phone, that all text has enough contrast (WCAG 2: 4.5) and fits the page.
 */
export async function isReadable(t: Test, page: Page): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    const faint = (await texts(page)).filter(({ colours }) => contrast(...colours) < 4.5)
    t.strictSame(faint, [], `in ${colorScheme}`)
  }
  const size = page.viewportSize()!
  await page.setViewportSize({ width: 360, height: 740 })
  t.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360, 'nothing sticks out on a phone')
  await page.setViewportSize(size)
}

type Colour = readonly [red: number, green: number, blue: number]

/** Every visible text, with its colour and the colour of its background. */
async function texts(page: Page): Promise<{ text: string; colours: [Colour, Colour] }[]> {
  const found = await page.evaluate(() => {
    const seen = [...document.querySelectorAll('body *')].filter(
      (element) =>
        element.checkVisibility() &&
        [...element.childNodes].some((node) => node.nodeType === 3 && /\S/.test(node.textContent)),
    )
    return seen.map((element) => {
      let behind = element
      while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement
      const { color } = getComputedStyle(element)
      return { text: element.textContent, color, ground: getComputedStyle(behind).backgroundColor }
    })
  })
  return found.map(({ text, color, ground }) => ({ text, colours: [rgb(color), rgb(ground)] }))
}

function rgb(css: string): Colour {
  const [red = 0, green = 0, blue = 0] = (css.match(/[\d.]+/g) ?? []).map((channel) => Number(channel) / 255)
  return [red, green, blue]
}

/** Contrast as in WCAG 2, from 1 to 21. */
function contrast(one: Colour, other: Colour): number {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b)
  return (light! + 0.05) / (dark! + 0.05)
}

function luminance(colour: Colour): number {
  const [red, green, blue] = colour.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!
}

/** The part of the DOM that this file uses. */
interface Element {
  textContent: string
  parentElement: Element
  childNodes: Iterable<{ nodeType: number; textContent: string }>
  scrollWidth: number
  checkVisibility(): boolean
}
declare const document: { documentElement: Element; querySelectorAll(selector: string): Iterable<Element> }
declare function getComputedStyle(element: Element): { color: string; backgroundColor: string }
