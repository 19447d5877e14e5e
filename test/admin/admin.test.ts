// The admin interface of a real balancer, over HTTP.
import { once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import net from 'node:net'
import t, { type Test } from 'tap'
import { stickyListen, type Status, type StickyOptions } from '../../src/index.ts'
import { startBalancer } from '../support/balancer.ts'
import { dial, freePort, loopback, request, until, untilRefused } from '../support/clients.ts'

interface Reply {
  status: number | undefined
  headers: http.IncomingHttpHeaders
  text: string
}

type Ask = (path: string, options?: http.RequestOptions) => Promise<Reply>

const interval = 50

const exec = new URL('../fixtures/app.js', import.meta.url)

t.test('it reports the state of the balancer in JSON and for Prometheus', async (t) => {
  const { balancer, ask } = await start(t, { workers: 2, session: { header: 'x-user' }, health: { interval } })
  const { port } = balancer
  // From addresses of both workers: one worker forwards its requests, which count in the worker that answers them.
  const pids = new Set<number>()
  for (let n = 1; n <= 10; n++) pids.add((await request({ port, from: loopback(n), headers: { 'x-user': 'u1' } })).pid)
  t.equal(pids.size, 1)
  const aborting = await dial(port)
  aborting.write('GET /wait HTTP/1.1\r\nHost: a\r\n\r\n')
  await request({ port })
  aborting.destroy()

  await until(
    'the heartbeats have arrived',
    async () => sumOf(await metrics(), 'holdfast_requests_aborted_total') === 1,
  )
  const found = await metrics()
  t.equal(sumOf(found, 'holdfast_requests_total', 'code="2xx"'), 11)
  t.equal(sumOf(found, 'holdfast_request_duration_seconds_count'), 11)
  t.equal(sumOf(found, 'holdfast_request_duration_seconds_bucket', 'le="+Inf"'), 11)
  t.equal(sumOf(found, 'holdfast_worker_ready'), 2)
  t.equal(sumOf(found, 'holdfast_worker_slots'), 256)
  t.equal(sumOf(found, 'holdfast_connections_accepted_total'), 12)
  t.ok(sumOf(found, 'holdfast_worker_cpu_seconds_total') > 0)
  t.equal(
    sumOf(found, 'holdfast_connections_closed_total', 'reason="pending-full"'),
    0,
    'a counter exists before its first event',
  )

  const status = JSON.parse((await ask('/status')).text) as Status
  t.match(status, { address: { port }, workers: [{ state: 'ready' }, { state: 'ready' }] })
  t.match(await ask('/healthz'), { status: 200, text: /"ready":2,"workers":2/ })
  const { worker, slot } = await balancer.explain('203.0.113.7')
  const explained = await ask('/explain?address=203.0.113.7')
  t.match(JSON.parse(explained.text), { worker, slot, key: 'cb007107' })

  async function metrics() {
    const { status, headers, text } = await ask('/metrics')
    t.equal(status, 200)
    t.match(headers['content-type'], /^text\/plain; version=0\.0\.4/)
    return parse(t, text)
  }
})

t.test('the counts of a worker outlive its process', async (t) => {
  const { balancer, ask } = await start(t, { workers: 1, health: { interval }, reload: { grace: 0, spread: 0 } })
  const { port } = balancer
  const answered = async () => sumOf(parse(t, (await ask('/metrics')).text), 'holdfast_requests_total')
  for (let n = 0; n < 5; n++) await request({ port })
  await balancer.reload()
  t.equal(await answered(), 5, 'a worker that has finished sends a last heartbeat')
  await request({ port })
  await until('the sixth request is reported', async () => (await answered()) === 6)
  const back = balancer.event('worker:ready')
  process.kill(await balancer.pid(0), 'SIGKILL')
  await back
  t.equal(await answered(), 6)
})

t.test('it reloads and scales, and explains a refused request', async (t) => {
  const { balancer, ask } = await start(t, { workers: 1 })
  const pid = await balancer.pid(0)
  const post = { method: 'POST' }
  t.match(await ask('/reload', post), { status: 200, text: /"done":true/ })
  t.not(await balancer.pid(0), pid)
  t.match(await ask('/scale?workers=2', post), { status: 200 })
  t.equal((await balancer.status()).workers.length, 2)
  for (const workers of ['0', '257', 'x', '']) {
    t.match(await ask(`/scale?workers=${workers}`, post), { status: 400, text: /HOLDFAST_BAD_OPTION.*from 1 to 256/ })
  }
  t.match(await ask('/explain?address=nowhere'), { status: 400, text: /nowhere/ })
  t.match(await ask('/reload'), { status: 405, headers: { allow: 'POST' } })
  t.match(await ask('/status', post), { status: 405, headers: { allow: 'GET, HEAD' } })
  t.match(await ask('/nothing'), { status: 404, text: /\/metrics/ })
  t.match(await ask('/status', { method: 'HEAD' }), { status: 200, text: '' })
  t.match(await ask('//evil.example/status'), { status: 404 })
  for (const path of ['/constructor', '/__proto__', '//', '/%', '/../status/x', '//[']) {
    t.match(await ask(path), { status: /^(400|404)$/ }, path)
  }
})

t.test('a page of another site can neither read nor change anything', async (t) => {
  const { ask } = await start(t, { workers: 1 })
  for (const path of ['/status', '/metrics', '/']) {
    t.match(
      await ask(path, { headers: { host: 'evil.example:80' } }),
      { status: 403 },
      'a foreign name for this address',
    )
  }
  const strangers = [{ origin: 'https://evil.example' }, { origin: 'null' }, { host: 'evil.example' }]
  for (const headers of [...strangers, { 'x-forwarded-for': '192.0.2.1' }, { via: '1.1 proxy' }]) {
    t.match(await ask('/reload', { method: 'POST', headers }), { status: 403 })
  }
})

t.test('a health check without a Host header is answered', async (t) => {
  const { port } = await start(t, { workers: 1 })
  const socket = await dial(port, undefined, '127.0.0.1')
  // As HAProxy's `option httpchk GET /healthz` asks.
  socket.write('GET /healthz HTTP/1.0\r\n\r\n')
  t.match(String(Buffer.concat(await socket.toArray())), /^HTTP\/1\.1 200 OK/)
})

t.test('the option names allows further host names', async (t) => {
  const { ask } = await start(t, { workers: 1, admin: { port: 0, host: '0.0.0.0', names: ['Metrics.internal'] } })
  for (const host of ['metrics.internal', 'metrics.internal:80', 'localhost', '192.0.2.1:9464', '[::1]:9464']) {
    t.match(await ask('/metrics', { headers: { host } }), { status: 200 }, host)
  }
  for (const host of ['other.internal', 'x.metrics.internal', 'metrics.internal.', 'a b', '[']) {
    t.match(await ask('/metrics', { headers: { host } }), { status: /^40[03]$/ }, host)
  }
})

t.test('a request with Expect: 100-continue counts once', async (t) => {
  const { balancer, ask } = await start(t, { workers: 1, health: { interval } }, { FIXTURE_CONTINUE: 'again' })
  const headers = { expect: '100-continue', 'content-length': 4 }
  const sending = http.request({ port: balancer.port, host: '127.0.0.1', agent: false, method: 'POST', headers })
  sending.once('continue', () => sending.end('body'))
  sending.flushHeaders()
  const [answer] = (await once(sending, 'response')) as [IncomingMessage]
  await answer.toArray()
  await until('the request is reported', async () => answered(await ask('/metrics')) > 0)
  await request({ port: balancer.port })
  await until('the next one is reported', async () => answered(await ask('/metrics')) > 1)
  t.equal(answered(await ask('/metrics')), 2)

  function answered({ text }: Reply): number {
    return sumOf(parse(t, text), 'holdfast_requests_total')
  }
})

t.test('idle connections to the admin interface leave enough descriptors for the clients', async (t) => {
  const { balancer, port } = await start(t, { workers: 1 })
  const silent = Array.from({ length: 200 }, () => net.connect(port, '127.0.0.1').on('error', () => {}))
  t.teardown(() => silent.forEach((socket) => socket.destroy()))
  await until(
    'most of them are refused',
    () => silent.filter(({ readyState }) => readyState === 'closed').length >= 130,
  )
  t.match(await request({ port: balancer.port }), { worker: 0 })
})

t.test('the page loads its own files only', async (t) => {
  const { ask } = await start(t, { workers: 1 })
  const page = await ask('/')
  t.match(page, {
    status: 200,
    headers: { 'content-type': /^text\/html/, 'content-security-policy': /default-src 'none'/ },
  })
  for (const [, file] of page.text.matchAll(/(?:href|src)="([^"]+)"/g)) {
    if (!file!.startsWith('data:')) t.match(await ask(`/${file!}`), { status: 200 })
  }
})

t.test('while workers finish at a shutdown, the health check fails', async (t) => {
  const { balancer, ask } = await start(t, { workers: 1 })
  const events = await dial(balancer.port)
  events.write('GET /events HTTP/1.1\r\nHost: a\r\n\r\n')
  await once(events, 'data')
  const closed = balancer.close({ deadline: 60_000 })
  await until('the health check fails', async () => (await ask('/healthz')).status === 503)
  t.match(await ask('/healthz'), { text: /"closing":true/ })
  events.destroy()
  await closed
  await t.rejects(ask('/healthz'))
})

t.test('a port in use leaves nothing open', async (t) => {
  const other = net.createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => void other.close())
  const { port } = other.address() as net.AddressInfo
  await t.rejects(startBalancer(t, { options: { workers: 1, admin: port } }), { code: 'HOLDFAST_PORT_IN_USE' })
})

t.test('a close during the start leaves nothing open', async () => {
  for (let turns = 0; turns < 12; turns++) {
    const admin = await freePort()
    const sticky = stickyListen(() => net.createServer(), { port: 0, workers: 1, admin, logger: false, exec })
    sticky.ready.catch(() => {})
    for (let turn = 0; turn < turns; turn++) await Promise.resolve()
    await sticky.close()
    await untilRefused(admin)
  }
})

async function start(t: Test, options: StickyOptions, env: Record<string, string> = {}) {
  const balancer = await startBalancer(t, { options: { admin: 0, ...options }, env })
  const { port } = (await balancer.status()).admin!
  t.match(balancer.output(), new RegExp(`admin\\.ready url=http://[\\d.]+:${port}/`))
  const ask: Ask = async (path, options = {}) => {
    const asking = http.request({ host: '127.0.0.1', port, path, agent: false, ...options }).end()
    const [answer] = (await once(asking, 'response')) as [IncomingMessage]
    return { status: answer.statusCode, headers: answer.headers, text: (await answer.toArray()).join('') }
  }
  return { balancer, port, ask }
}

type Samples = Map<string, number>

/** The samples by name and labels. Fails if a line breaks the format, or a series appears twice. */
function parse(t: Test, text: string): Samples {
  const samples: Samples = new Map()
  const types = new Map<string, string>()
  for (const line of text.trimEnd().split('\n')) {
    const [, typed, type] = /^# TYPE (\w+) (counter|gauge|histogram)$/.exec(line) ?? []
    if (typed !== undefined) types.set(typed, type!)
    if (line.startsWith('#')) {
      if (!/^# (HELP \w+ .+\.|TYPE \w+ \w+)$/.test(line)) t.fail(line)
      continue
    }
    const [, name, labels = '', value] = /^(\w+)(\{(?:\w+="[^"]*",?)+\})? ([\d.e+-]+)$/.exec(line) ?? []
    const family = types.get(name ?? '') ?? types.get(name?.replace(/_(bucket|sum|count)$/, '') ?? '')
    if (name === undefined || family === undefined) t.fail(line)
    if (samples.has(`${name}${labels}`)) t.fail(`twice: ${line}`)
    if (family === 'counter' && !name?.endsWith('_total')) t.fail(`a counter without _total: ${line}`)
    samples.set(`${name}${labels}`, Number(value))
  }
  return samples
}

function sumOf(samples: Samples, name: string, label = ''): number {
  const found = [...samples].filter(([key]) => key.replace(/\{.*/, '') === name && key.includes(label))
  return found.length === 0 ? Number.NaN : found.reduce((sum, [, value]) => sum + value, 0)
}
