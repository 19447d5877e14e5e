import { once } from 'node:events'
import http, { type ServerResponse } from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { affinityCookieSetter } from '../../src/sessions/affinity-cookie.ts'

const setAffinityCookie = affinityCookieSetter([{ cookie: 'at' }], () => 'w0')
const AFFINITY_COOKIE = 'at=w0; Path=/; HttpOnly; SameSite=Lax'

type Answer = (response: ServerResponse) => unknown

const WAYS: Record<string, [answer: Answer, cookies: string[]]> = {
  'no cookies': [(response) => response.writeHead(200, { 'x-y': '1' }), []],
  'setHeader()': [(response) => response.setHeader('set-cookie', 'a=1'), ['a=1']],
  'setHeader() with several': [(response) => response.setHeader('Set-Cookie', ['a=1', 'b=2']), ['a=1', 'b=2']],
  'writeHead()': [(response) => response.writeHead(200, { 'Set-Cookie': 'a=1', 'x-y': '1' }), ['a=1']],
  'writeHead() with several': [(response) => response.writeHead(200, { 'set-cookie': ['a=1', 'b=2'] }), ['a=1', 'b=2']],
  'writeHead() with a list': [(response) => response.writeHead(200, ['x-y', '1', 'Set-Cookie', 'a=1']), ['a=1']],
  'writeHead() with a list that has several': [
    (response) => response.writeHead(200, ['set-cookie', 'a=1', 'set-cookie', 'b=2']),
    ['a=1', 'b=2'],
  ],
}

async function cookiesOverHttp(t: Test, answer: Answer): Promise<string[] | undefined> {
  const server = http.createServer((request, response) => {
    setAffinityCookie(request, response)
    answer(response)
    response.end()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const [response] = (await once(http.get({ port, agent: false }), 'response')) as [http.IncomingMessage]
  response.resume()
  return response.headers['set-cookie']
}

async function cookiesOverHttp2(t: Test, answer: Answer): Promise<string[] | undefined> {
  const server = http2.createServer((request, response) => {
    setAffinityCookie(request as never, response as never)
    answer(response as never)
    response.end()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(() => {
    session.close()
    server.close()
  })
  const [headers] = (await once(session.request(), 'response')) as [http2.IncomingHttpHeaders]
  return headers['set-cookie']
}

for (const [version, cookiesOver] of [
  ['HTTP/1.1', cookiesOverHttp],
  ['HTTP/2', cookiesOverHttp2],
] as const) {
  for (const [way, [answer, cookies]] of Object.entries(WAYS)) {
    t.test(`a response has the affinity cookie and those of the application, over ${version}: ${way}`, async (t) => {
      t.strictSame(await cookiesOver(t, answer), [AFFINITY_COOKIE, ...cookies])
    })
  }
}
