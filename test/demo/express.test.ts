import t from 'tap'
import { CHROMIUM, startBrowser } from '../support/browser.ts'
import { missing } from '../support/installed.ts'
import { ask, oneClientEach, startDemo, stopDemo } from './demo.ts'
import { isReadable, openPage } from './page.ts'

t.test('an Express application has its routes, bodies and files, and a memory per worker', async (t) => {
  const demo = await startDemo(t, 'express')
  const { port, url, program } = demo
  const [one, other] = await oneClientEach(async (from) =>
    Number((await ask(port, '/notes', { from })).headers['x-worker']),
  )

  t.test('a program uses the routes', async (t) => {
    const posted = await ask(port, '/notes', { from: one, method: 'POST', body: { text: 'buy bread' } })
    t.match(posted, { status: 201, headers: { 'x-worker': '0' }, body: { notes: ['buy bread'] } })
    const { pid } = posted.body
    t.match(await ask(port, '/notes', { from: one }), { body: { pid, notes: ['buy bread'] } }, 'the same process')
    t.match(await ask(port, '/notes', { from: other }), { headers: { 'x-worker': '1' }, body: { notes: [] } })
    t.match(await ask(port, '/notes', { from: one, method: 'POST', body: { text: ' ' } }), { status: 400 })
    t.match(await ask(port, '/page.css'), { status: 200, headers: { 'content-type': /text\/css/ } })
  })

  t.test('an invalid note is refused', async (t) => {
    const post = async (body: string) => {
      const headers = { 'content-type': 'application/json' }
      const response = await fetch(`${url}/notes`, { method: 'POST', headers, body })
      return { status: response.status, body: await response.json() }
    }
    t.match(await post('{"text":'), { status: 400, body: { error: /^expected a JSON body such as/ } })
    t.match(await post(`"${'x'.repeat(200_000)}"`), { status: 413, body: { error: 'a body may have 100 kB at most' } })
    t.equal(program.stderr(), '', 'which is nothing for the terminal')
  })

  t.test('a browser shows the page', { skip: missing(CHROMIUM) }, async (t) => {
    const { page, complaints } = await openPage(await startBrowser(t), url)
    const [, worker] = await program.printed(/Open .* is served by worker (\d)/)
    await page.waitForSelector(`#worker .badge >> text="${worker}"`)
    await page.fill('#text', 'call the plumber')
    await page.keyboard.press('Enter')
    await page.waitForSelector('#notes >> text="call the plumber"')
    await page.reload()
    await page.waitForSelector('#notes >> text="call the plumber"')
    await page.waitForSelector('#others .hint')
    await isReadable(t, page)
    t.strictSame(complaints, [])
  })

  t.test('the demo ends without errors', (t) => stopDemo(t, demo))
})
