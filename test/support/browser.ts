// Starts a real Chromium.
import { chromium, type Browser } from 'playwright-core'
import type { Test } from 'tap'

/** Path of Chromium. Skip a test with `missing(CHROMIUM)`. */
export const CHROMIUM = process.env['CHROMIUM'] ?? '/usr/bin/chromium'

export const BROWSER_ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts Chromium and ends it with the test. */
export async function startBrowser(t: Test): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: BROWSER_ARGUMENTS })
  t.teardown(() => browser.close())
  return browser
}
