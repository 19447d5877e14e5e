// The work of a program at its end: it is done once in each process, and may take until the deadline.
import http from 'node:http'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import type { StickyOptions } from '../../../src/index.ts'
import { until } from '../../support/clients.ts'
import { startProgram } from '../../support/program.ts'

/** Starts the program and waits until it serves. */
async function start(t: Test, words: string, options: StickyOptions) {
  const env = { FIXTURE_WORDS: words, FIXTURE_OPTIONS: JSON.stringify({ port: 0, ...options }) }
  const program = startProgram(t, 'test/fixtures/last-words-app.js', [], env)
  await until('it serves', () => /(balancer|standalone)\.ready/.test(program.stderr()), 30_000)
  const [, port] = /\.ready .* port=(\d+)/.exec(program.stderr()) ?? []
  const count = (word: string) => program.stdout().match(new RegExp(word, 'g'))?.length ?? 0
  return { ...program, port: Number(port), count }
}

for (const words of ['slow', 'once', 'again', 'leave']) {
  t.test(`work that takes longer than a second is finished in each process, once (${words})`, async (t) => {
    const { child, exited, count, stderr } = await start(t, words, { workers: 2 })
    child.kill('SIGTERM')
    t.strictSame(await exited, { code: 0, signal: null })
    t.strictSame([count('goodbye worker'), count('flushed worker')], [2, 2])
    const primary = words === 'leave' ? 0 : 1
    t.strictSame([count('goodbye primary'), count('flushed primary')], [primary, primary])
    t.match(stderr(), /balancer\.closed clean=true/)
    t.notMatch(stderr(), /\] (warning|error) (?!workers\.many)/)
  })
}

t.test('work at the end of the only process takes its time too', async (t) => {
  for (const words of ['slow', 'again', 'leave']) {
    const { child, exited, count } = await start(t, words, { workers: 0 })
    child.kill('SIGTERM')
    t.strictSame(await exited, { code: 0, signal: null })
    t.strictSame([count('goodbye worker'), count('flushed worker')], [1, 1])
  }
})

t.test(
  'the first close() of the program calls back without an error, although Holdfast has closed the server',
  async (t) => {
    for (const workers of [0, 1]) {
      for (const words of ['close', 'close at leave', 'close twice']) {
        const { child, exited, count, stdout } = await start(t, words, { workers })
        child.kill('SIGTERM')
        t.strictSame(await exited, { code: 0, signal: null })
        t.equal(count('closed worker no error'), 1, `${words}, ${workers} workers`)
        const second = words === 'close twice' ? 1 : 0
        t.equal(count('closed worker ERR_SERVER_NOT_RUNNING'), second, stdout())
        t.not(count('close event worker'), 0)
      }
    }
  },
)

t.test('close() of the program waits for the connections that are open', async (t) => {
  const { child, port, exited, count } = await start(t, 'close', { workers: 0 })
  const request = http.request({ port, method: 'POST', agent: false })
  const response = new Promise<http.IncomingMessage>((done, fail) => request.on('response', done).on('error', fail))
  request.write('first half')
  await until('the request is in service', () => count('request') === 1)
  child.kill('SIGTERM')
  await until('the program has called close()', () => count('goodbye worker') === 1)
  t.equal(count('closed worker'), 0)
  request.end()
  t.equal(await text(await response), 'served')
  t.strictSame(await exited, { code: 0, signal: null })
  t.equal(count('closed worker no error'), 1)
})

t.test('close() of the program in the primary calls back when the balancer is closed', async (t) => {
  const { child, port, exited, count, stderr } = await start(t, 'exit when closed', { workers: 1 })
  const request = http.request({ port, method: 'POST', agent: false })
  const response = new Promise<http.IncomingMessage>((done, fail) => request.on('response', done).on('error', fail))
  request.write('first half')
  await until('the request is in service', () => count('request') === 1)
  child.kill('SIGTERM')
  await until('the primary closes', () => /balancer\.close |closed primary/.test(stderr() + count('closed primary')))
  request.end()
  t.equal(await text(await response), 'served')
  t.strictSame(await exited, { code: 0, signal: null })
  t.strictSame([count('closed primary no error'), count('closed worker no error')], [1, 1])
  t.match(stderr(), /balancer\.closed clean=true/)
})

t.test('endless work is cut at the deadline, and the log says so', async (t) => {
  const options = { workers: 1, reload: { deadline: 1_500 }, shutdown: { deadline: 1_500 } }
  const { child, exited, count, stderr } = await start(t, 'endless', options)
  child.kill('SIGUSR2')
  await until('the reload is done', () => stderr().includes('reload.done'))
  t.match(stderr(), /warning worker\.cut worker=0 pid=\d+ after=\d+ hint=/)
  t.match(stderr(), /\] worker\.exit worker=0 pid=\d+ code=1/)
  child.kill('SIGTERM')
  t.strictSame(await exited, { code: 0, signal: null })
  t.match(stderr(), /warning balancer\.cut signal=SIGTERM hint=/)
  t.equal(count('goodbye primary'), 1)
})

t.test('a listener in the primary that sends the signal again cuts no request', async (t) => {
  const { child, port, exited, count, stderr } = await start(t, 'again', { workers: 1, shutdown: { deadline: 30_000 } })
  const request = http.request({ port, method: 'POST', agent: false })
  const response = new Promise<http.IncomingMessage>((done, fail) => request.on('response', done).on('error', fail))
  request.write('first half')
  await until('the request is in service', () => count('request') === 1)
  child.kill('SIGTERM')
  await until('the primary has finished its work, and sends the signal again', () => count('flushed primary') === 1)
  request.end('second half')
  t.equal(await text(await response), 'served')
  t.strictSame(await exited, { code: 0, signal: null })
  t.notMatch(stderr(), /second=true/)
  t.strictSame([count('goodbye worker'), count('flushed worker')], [1, 1])
})
