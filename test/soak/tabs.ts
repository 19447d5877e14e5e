// Five tabs of one browser that send messages to each other all the time, and count the messages that arrive.
import type { Browser, Page } from 'playwright-core'
import { until } from '../support/clients.ts'

/** The state of the page in test/fixtures/soak-app.ts. */
interface Memory {
  /** Worker of the tab's session. */
  worker: number | undefined
  transport: string
  sent: number
  disconnects: number
  /** By sending tab: how many messages arrived, and how many of them were not the next number. */
  received: Record<string, { count: number; wrong: number }>
}
declare const memory: Memory
declare function comeIn(transports: string): void
declare function talk(name: string): void
declare function beQuiet(): void

export interface Findings {
  /** Number of answers with status 400. */
  refused: number
  /** Other failures: status 500 and above, exceptions. */
  complaints: string[]
  disconnects: number
  /** Worker of each tab's session. */
  workers: number[]
  transports: string[]
  sent: number
  /** Messages that arrived twice, late or never. */
  wrong: string[]
}

const NAMES = ['a', 'b', 'c', 'd', 'e']

/** @param transports - transports of Socket.IO, joined by commas */
export async function talkFor(
  browser: Browser,
  url: string,
  transports: string,
  seconds: number,
  progress: (second: number) => void,
): Promise<Findings> {
  // One context: the tabs share the browser's connections, as the tabs of one user do.
  const context = await browser.newContext()
  const findings: Findings = {
    refused: 0,
    complaints: [],
    disconnects: 0,
    workers: [],
    transports: [],
    sent: 0,
    wrong: [],
  }
  try {
    const pages = await Promise.all(NAMES.map(() => open(context.newPage(), url, findings)))
    for (const page of pages) await page.evaluate((way) => comeIn(way), transports)
    await until('all are there', async () => (await memories(pages)).every(({ worker }) => worker !== undefined))
    for (const [i, page] of pages.entries()) await page.evaluate((name) => talk(name), NAMES[i]!)
    for (let second = 1; second <= seconds; second++) {
      await new Promise((done) => setTimeout(done, 1_000))
      progress(second)
    }
    for (const page of pages) await page.evaluate(() => beQuiet())
    await until('all is received', async () => isComplete(await memories(pages)), 20_000).catch(() => {})
    sumUp(await memories(pages), findings)
    return findings
  } finally {
    await context.close()
  }
}

async function open(opening: Promise<Page>, url: string, findings: Findings): Promise<Page> {
  const page = await opening
  page.on('response', (response) => {
    if (response.status() === 400) findings.refused++
    else if (response.status() > 400) findings.complaints.push(`${response.status()} ${response.url()}`)
  })
  page.on('pageerror', ({ message }) => findings.complaints.push(message))
  await page.goto(url)
  return page
}

function memories(pages: readonly Page[]): Promise<Memory[]> {
  return Promise.all(pages.map((page) => page.evaluate(() => memory)))
}

function isComplete(all: readonly Memory[]): boolean {
  return all.every(({ received }) => all.every(({ sent }, i) => (received[NAMES[i]!]?.count ?? 0) >= sent))
}

function sumUp(all: readonly Memory[], findings: Findings): void {
  for (const [i, { worker, transport, sent, disconnects, received }] of all.entries()) {
    findings.workers.push(worker ?? -1)
    findings.transports.push(transport)
    findings.sent += sent
    findings.disconnects += disconnects
    for (const [j, other] of all.entries()) {
      const { count, wrong } = received[NAMES[j]!] ?? { count: 0, wrong: 0 }
      if (count === other.sent && wrong === 0) continue
      findings.wrong.push(`${NAMES[i]} received ${count} of ${other.sent} of ${NAMES[j]}, ${wrong} out of order`)
    }
  }
}
