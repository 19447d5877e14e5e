import t from 'tap'
import { CHROMIUM, startBrowser } from '../support/browser.ts'
import { missing } from '../support/installed.ts'
import { ask, begin, oneClientEach, startDemo, stopDemo } from './demo.ts'
import { isReadable, openPage } from './page.ts'

t.test('a long job delays the clients of its event loop, and no others', async (t) => {
  const demo = await startDemo(t, 'heavy')
  const { port, url } = demo
  const [one, other] = await oneClientEach(async (from) => Number((await ask(port, '/fast', { from })).body['worker']))
  const jobsDone = async (from: string) => (await ask(port, '/fast', { from })).body['jobs']

  t.test('in the event loop, clients of that worker are answered after the job', async (t) => {
    const { end } = await begin(port, '/slow-blocking', { from: one })
    let ended = false
    const slow = end.then((answer) => ((ended = true), answer))
    const waits = jobsDone(one)
    t.equal(await jobsDone(other), 0)
    t.notOk(ended, 'a client of the other worker does not wait')
    t.match(await slow, { status: 200, body: { worker: 0, primes: 348_513 } })
    t.equal(await waits, 1, 'a client of the same worker does')
  })

  t.test('in a thread of the pool, no client waits', async (t) => {
    const { end } = await begin(port, '/slow-pooled?below=2000000', { from: one })
    t.equal(await jobsDone(one), 1, 'before that job is done')
    t.match(await end, { status: 200, body: { worker: 0, primes: 148_933, jobs: 2 } })
  })

  t.test('a job above the limit is refused', async (t) => {
    for (const below of ['-1', 'many', '1e12']) t.match(await ask(port, `/slow-pooled?below=${below}`), { status: 400 })
  })

  t.test('the page shows the delay', { skip: missing(CHROMIUM) }, async (t) => {
    const { page, complaints } = await openPage(await startBrowser(t), url)
    await page.click('[data-path="/slow-pooled"]')
    await page.waitForSelector('#pulse li:nth-child(3)')
    await page.waitForSelector('#pooled >> text=/348,513 primes in .* s, worker/')
    await isReadable(t, page)
    t.strictSame(complaints, [])
  })

  t.test('the demo ends without errors', (t) => stopDemo(t, demo))
})
