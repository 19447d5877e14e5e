// The cookie in the heads of responses: every way in which an application makes a head, over HTTP/1.1 and HTTP/2.
import { once } from 'node:events'
import http, { ServerResponse, type IncomingMessage } from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { CookieRule } from '../../src/affinity/cookie-rule.ts'
import { affinityCookie } from '../../src/sessions/affinity-cookie.ts'

const AFFINITY_COOKIE = 'at=w0; Path=/; HttpOnly; SameSite=Lax'

type Answer = (response: ServerResponse, request: IncomingMessage) => unknown

/** Every head of an answer, as the client gets it. */
interface Heads {
  status: number
  cookies: string[]
  headers: Record<string, unknown>
  /** Headers of the answers with status 1xx. */
  interim: Record<string, unknown>[]
  trailers: Record<string, unknown>
}

interface Application {
  rule?: Partial<CookieRule>
  method?: string
  requestHeaders?: Record<string, string>
  warnings?: unknown[]
}

type Ask = (t: Test, answer: Answer, application?: Application) => Promise<Heads>

function cookieOf({ rule, warnings = [] }: Application) {
  const logger = { warn: (event: string, fields?: object) => void warnings.push({ event, ...fields }) }
  return affinityCookie([{ cookie: 'at', ...rule }], { createValue: () => 'w0', areProxiesTrusted: false, logger })
}

const askOverHttp: Ask = async (t, answer, application = {}) => {
  const cookie = cookieOf(application)
  const server = http.createServer((request, response) => {
    cookie.addToResponse(request, response)
    answer(response, request)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const { method = 'GET', requestHeaders = {} } = application
  const sending = http.request({ port, host: '127.0.0.1', agent: false, method, headers: requestHeaders })
  const interim: Heads['interim'] = []
  sending.on('information', ({ headers, statusCode }) => interim.push({ statusCode, ...headers }))
  sending.end()
  const [response] = (await once(sending, 'response')) as [IncomingMessage]
  await response.resume().toArray()
  const { statusCode: status = 0, headers, trailers } = response
  return { status, cookies: headers['set-cookie'] ?? [], headers, interim, trailers }
}

const askOverHttp2: Ask = async (t, answer, application = {}) => {
  const cookie = cookieOf(application)
  const server = http2.createServer((request, response) => {
    cookie.addToResponse(request as never, response as never)
    answer(response as never, request as never)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const session = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.teardown(() => {
    session.close()
    server.close()
  })
  const { method = 'GET', requestHeaders = {} } = application
  const stream = session.request({ ':method': method, ...requestHeaders })
  const interim: Heads['interim'] = []
  let trailers = {}
  stream.on('headers', (headers) => interim.push(headers))
  stream.on('trailers', (headers) => (trailers = headers))
  const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader]
  stream.resume()
  if (!stream.closed) await once(stream, 'close')
  return { status: headers[':status'] ?? 0, cookies: headers['set-cookie'] ?? [], headers, interim, trailers }
}

const VERSIONS: [name: string, ask: Ask][] = [
  ['HTTP/1.1', askOverHttp],
  ['HTTP/2', askOverHttp2],
]

/** Ways to make a head, and the application's cookies in it. */
const WAYS: Record<string, [answer: Answer, cookies: string[]]> = {
  'end() alone': [(response) => response.end(), []],
  'write() first': [(response) => response.write('a') && response.end('b'), []],
  'flushHeaders() first': [
    (response) => {
      response.flushHeaders()
      response.end()
    },
    [],
  ],
  'a stream': [(response) => new PassThrough().end('a').pipe(response), []],
  'writeHead() with a status': [(response) => response.writeHead(200).end(), []],
  'writeHead() with headers': [(response) => response.writeHead(200, { 'x-y': '1' }).end(), []],
  'writeHead() with headers and nothing behind': [
    (response) => response.writeHead(200, { 'set-cookie': 'a=1' } as never, undefined as never).end(),
    ['a=1'],
  ],
  'setHeader()': [(response) => set(response, 'set-cookie', 'a=1').end(), ['a=1']],
  'setHeader() with several': [(response) => set(response, 'Set-Cookie', ['a=1', 'b=2']).end(), ['a=1', 'b=2']],
  'setHeader() twice': [(response) => set(set(response, 'Set-Cookie', 'a=1'), 'set-cookie', 'b=2').end(), ['b=2']],
  'appendHeader()': [
    (response) => {
      response.appendHeader('Set-Cookie', 'a=1')
      response.appendHeader('set-cookie', 'b=2')
      response.end()
    },
    ['a=1', 'b=2'],
  ],
  'removeHeader()': [
    (response) => {
      response.setHeader('Set-Cookie', 'a=1')
      response.removeHeader('Set-Cookie')
      response.end()
    },
    [],
  ],
  'cookies read and set again': [
    (response) => {
      response.setHeader('Set-Cookie', ['a=1'])
      const before = response.getHeader('set-cookie') as string[]
      set(response, 'Set-Cookie', [...before, 'b=2']).end()
    },
    ['a=1', 'b=2'],
  ],
  'writeHead()': [(response) => response.writeHead(200, { 'Set-Cookie': 'a=1', 'x-y': '1' }).end(), ['a=1']],
  'writeHead() with several': [
    (response) => response.writeHead(200, { 'set-cookie': ['a=1', 'b=2'] }).end(),
    ['a=1', 'b=2'],
  ],
  'writeHead() with a list': [(response) => response.writeHead(200, ['x-y', '1', 'Set-Cookie', 'a=1']).end(), ['a=1']],
  'writeHead() with a list without cookies': [(response) => response.writeHead(200, ['x-y', '1']).end(), []],
  'writeHead() with an empty list': [(response) => response.writeHead(200, []).end(), []],
  'writeHead() with a list that has several': [
    (response) => response.writeHead(200, ['set-cookie', 'a=1', 'set-cookie', 'b=2']).end(),
    ['a=1', 'b=2'],
  ],
  'writeHead() with pairs': [
    (response) =>
      response
        .writeHead(200, [
          ['set-cookie', 'a=1'],
          ['set-cookie', 'b=2'],
        ] as never)
        .end(),
    ['a=1', 'b=2'],
  ],
  'setHeader() and writeHead()': [
    (response) => set(response, 'Set-Cookie', 'a=1').writeHead(200, { 'x-y': '1' }).end(),
    ['a=1'],
  ],
  'setHeader(), replaced by writeHead()': [
    (response) => set(response, 'Set-Cookie', 'a=1').writeHead(200, { 'set-cookie': 'b=2' }).end(),
    ['b=2'],
  ],
  'setHeader(), and a list without cookies': [
    (response) => set(response, 'Set-Cookie', 'a=1').writeHead(200, ['x-y', '1']).end(),
    ['a=1'],
  ],
  "a writeHead() of the application's own": [
    (response) => {
      const { writeHead } = Object.getPrototypeOf(response) as ServerResponse
      response.writeHead = (...args: unknown[]) => Reflect.apply(writeHead, response, args) as never
      set(response, 'set-cookie', 'a=1').end()
    },
    ['a=1'],
  ],
  'the writeHead() of the class': [
    (response) => {
      const { writeHead } = Object.getPrototypeOf(response) as ServerResponse
      Reflect.apply(writeHead, response, [200, { 'set-cookie': 'a=1' }])
      response.end()
    },
    ['a=1'],
  ],
  'a setHeader() that sets nothing': [
    (response) => {
      response.setHeader('x-y', '1')
      response.setHeader = () => response
      response.end()
    },
    [],
  ],
  'no body': [(response) => response.writeHead(204).end(), []],
  'a redirection': [(response) => response.writeHead(302, { location: '/' }).end(), []],
  'an error': [(response) => response.writeHead(500, { 'set-cookie': 'a=1' }).end(), ['a=1']],
}

/** Ways that HTTP/2 does not have, or has alone. */
const WAYS_OF_ONE: [version: string, way: string, answer: Answer, cookies: string[]][] = [
  [
    'HTTP/1.1',
    'writeHead() with a message and a list',
    (response) => response.writeHead(200, 'Very Well', ['set-cookie', 'a=1'] as never).end(),
    ['a=1'],
  ],
  [
    'HTTP/1.1',
    'one name in two cases',
    (response) => response.writeHead(200, { 'Set-Cookie': 'a=1', 'set-cookie': 'b=2' }).end(),
    ['a=1', 'b=2'],
  ],
  [
    'HTTP/2',
    "the stream's respond()",
    (response) => streamOf(response).respond({ ':status': 200, 'set-cookie': 'a=1' }, { endStream: true }),
    ['a=1'],
  ],
  [
    'HTTP/2',
    "the stream's respond() without headers",
    (response) => streamOf(response).respond() ?? streamOf(response).end(),
    [],
  ],
  [
    'HTTP/2',
    "the stream's respondWithFile()",
    (response) => streamOf(response).respondWithFile(fileURLToPath(import.meta.url), { 'set-cookie': 'a=1' }),
    ['a=1'],
  ],
]

/** Over HTTP/2 `setHeader()` returns nothing. */
function set(response: ServerResponse, name: string, value: string | string[]): ServerResponse {
  response.setHeader(name, value)
  return response
}

function streamOf(response: ServerResponse): http2.ServerHttp2Stream {
  return (response as unknown as http2.Http2ServerResponse).stream
}

for (const [version, ask] of VERSIONS) {
  const ofOne = WAYS_OF_ONE.filter(([only]) => only === version).map(([, way, ...rest]) => [way, rest] as const)
  for (const [way, [answer, cookies]] of [...Object.entries(WAYS), ...ofOne]) {
    t.test(`a response has the application's cookies and the affinity cookie, over ${version}: ${way}`, async (t) => {
      t.strictSame((await ask(t, answer)).cookies, [...cookies, AFFINITY_COOKIE])
    })
  }

  t.test(`the answer to HEAD has the cookie as that to GET does, over ${version}`, async (t) => {
    const answer: Answer = (response) => response.writeHead(200, { 'content-length': '2' }).end()
    t.strictSame((await ask(t, answer, { method: 'HEAD' })).cookies, [AFFINITY_COOKIE])
  })

  t.test(`answers with status 1xx and trailers have no cookie, over ${version}`, async (t) => {
    const answer: Answer = (response) => {
      response.writeContinue()
      response.writeEarlyHints({ link: '</a.css>; rel=preload' })
      response.writeHead(200, { trailer: 'x-end' })
      response.write('a')
      response.addTrailers({ 'x-end': '1' })
      response.end()
    }
    const { cookies, interim, trailers } = await ask(t, answer)
    t.strictSame(cookies, [AFFINITY_COOKIE])
    t.equal(interim.length, 2)
    t.notOk(JSON.stringify([interim, trailers]).includes('at=w0'))
    t.match(trailers, { 'x-end': '1' })
  })

  t.test(`the other headers of a list stay as the application gave them, over ${version}`, async (t) => {
    const link = ['</a.css>; rel=preload', '</b.css>; rel=preload']
    const answer: Answer = (response) =>
      response.writeHead(200, ['link', link[0], 'x-y', '1', 'link', link[1]] as never).end()
    const { headers } = await ask(t, answer)
    t.match(headers, { link: link.join(', '), 'x-y': '1' })
  })

  t.test(`headers that the application keeps for many answers stay its own, over ${version}`, async (t) => {
    for (const kept of [{ 'set-cookie': ['a=1'] }, ['set-cookie', 'a=1'], { 'x-y': '1' }]) {
      const before = JSON.stringify(kept)
      await ask(t, (response) => response.writeHead(200, kept as never).end())
      t.equal(JSON.stringify(kept), before)
    }
  })

  t.test(`a request that comes to the application twice gets the cookie once, over ${version}`, async (t) => {
    const again = cookieOf({})
    const answer: Answer = (response, request) => {
      again.addToResponse(request, response)
      response.end()
    }
    t.strictSame((await ask(t, answer)).cookies, [AFFINITY_COOKIE])
  })

  for (const own of ['at=own; Path=/', ['a=1', 'at=own'], ['at=own', 'at=two'], 'at=; Max-Age=0', 'at=""']) {
    for (const [way, answer] of Object.entries<Answer>({
      'setHeader()': (response) => set(response, 'set-cookie', own).end(),
      'writeHead()': (response) => response.writeHead(200, { 'Set-Cookie': own }).end(),
      'a list': (response) =>
        response
          .writeHead(
            200,
            [own].flat().flatMap((each) => ['set-cookie', each]),
          )
          .end(),
    })) {
      t.test(
        `a cookie of the same name by the application counts, over ${version}: ${way}, ${[own].flat().join(' | ')}`,
        async (t) => {
          const warnings: unknown[] = []
          t.strictSame((await ask(t, answer, { warnings })).cookies, [own].flat())
          const isRemoved = own === 'at=""' || String(own).startsWith('at=;')
          t.match(warnings, isRemoved ? [] : [{ event: 'session.cookie-taken', cookie: 'at' }])
          t.equal(warnings.length, isRemoved ? 0 : 1)
        },
      )
    }
  }

  t.test(`cookies whose names are only alike are others, over ${version}`, async (t) => {
    const others = ['at2=1', 'xat=1', 'AT=1', 'a=at=1']
    const answer: Answer = (response) => set(response, 'set-cookie', others).end()
    t.strictSame((await ask(t, answer)).cookies, [...others, AFFINITY_COOKIE])
  })
}

/** Headers of an answer, and whether it may have the cookie. */
const CACHED: [headers: Record<string, string | string[]>, mayHaveCookie: boolean][] = [
  [{}, true],
  [{ 'cache-control': 'public' }, false],
  [{ 'Cache-Control': 'PUBLIC, Max-Age=0' }, false],
  [{ 'cache-control': 'max-age=31536000, immutable' }, false],
  [{ 'cache-control': 's-maxage=60' }, false],
  [{ 'cache-control': ['max-age=60', 'public'] }, false],
  [{ 'cache-control': 'private, max-age=60' }, true],
  [{ 'cache-control': 'no-store' }, true],
  [{ 'cache-control': 'max-age=60' }, true],
  [{ 'cdn-cache-control': 'max-age=60', 'cache-control': 'no-cache' }, false],
]

/** Ways to give an answer its headers. */
const GIVEN: Record<
  string,
  (response: ServerResponse, status: number, headers: Record<string, string | string[]>) => void
> = {
  'setHeader()': (response, status, headers) => {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
    response.statusCode = status
    response.end()
  },
  'writeHead()': (response, status, headers) => void response.writeHead(status, headers).end(),
  'a list': (response, status, headers) => {
    const list = Object.entries(headers).flatMap(([name, value]) => [value].flat().flatMap((each) => [name, each]))
    response.writeHead(status, list).end()
  },
  pairs: (response, status, headers) => {
    const pairs = Object.entries(headers).flatMap(([name, value]) => [value].flat().map((each) => [name, each]))
    response.writeHead(status, pairs as never).end()
  },
}

for (const [version, ask] of VERSIONS) {
  for (const [way, give] of Object.entries(GIVEN)) {
    t.test(`an answer for shared caches has no cookie, over ${version}, by ${way}`, async (t) => {
      for (const [headers, mayHaveCookie] of CACHED) {
        for (const status of [200, 304]) {
          for (const set of [true, 'always'] as const) {
            const { cookies, status: got } = await ask(t, (response) => give(response, status, headers), {
              rule: { set },
            })
            const isSet = set === 'always' || (mayHaveCookie && status === 200)
            t.equal(got, status)
            t.strictSame(cookies, isSet ? [AFFINITY_COOKIE] : [], `${JSON.stringify(headers)} ${status} ${set}`)
          }
        }
      }
    })
  }

  t.test(`the application's own cookies stay beside Cache-Control: public, over ${version}`, async (t) => {
    const headers = { 'cache-control': 'public', 'set-cookie': 'a=1' }
    t.strictSame((await ask(t, (response) => response.writeHead(200, headers).end())).cookies, ['a=1'])
  })

  t.test(`a header that writeHead() replaces does not count, over ${version}`, async (t) => {
    const answer: Answer = (response) =>
      set(response, 'cache-control', 'public').writeHead(200, { 'Cache-Control': 'private' }).end()
    t.strictSame((await ask(t, answer)).cookies, [AFFINITY_COOKIE])
    const other: Answer = (response) =>
      set(response, 'cache-control', 'private').writeHead(200, { 'Cache-Control': 'public' }).end()
    t.strictSame((await ask(t, other)).cookies, [])
  })
}

/** Rules, request headers, and the cookie over HTTP. */
const ATTRIBUTES: [rule: Partial<CookieRule>, requestHeaders: Record<string, string>, cookie: string][] = [
  [{ sameSite: 'none' }, {}, 'at=w0; Path=/; HttpOnly; SameSite=None; Secure'],
  [
    { path: '/a', domain: 'a.example', maxAge: 60_000, httpOnly: false, partitioned: true },
    {},
    'at=w0; Path=/a; Domain=a.example; Max-Age=60; SameSite=Lax; Secure; Partitioned',
  ],
  [{ cookie: '__Host-at' }, {}, '__Host-at=w0; Path=/; HttpOnly; SameSite=Lax; Secure'],
  [{}, { 'x-forwarded-proto': 'https' }, AFFINITY_COOKIE],
  [{ trust: ['127.0.0.1'] }, { 'x-forwarded-proto': 'https' }, `${AFFINITY_COOKIE}; Secure`],
  [{ trust: ['127.0.0.1'] }, { 'x-forwarded-proto': 'http' }, AFFINITY_COOKIE],
  [{ trust: ['127.0.0.1'], secure: false }, { 'x-forwarded-proto': 'https' }, AFFINITY_COOKIE],
  [{ trust: ['10.0.0.0/8'] }, { 'x-forwarded-proto': 'https' }, AFFINITY_COOKIE],
  [{ secure: true }, {}, `${AFFINITY_COOKIE}; Secure`],
]

for (const [version, ask] of VERSIONS) {
  for (const [rule, requestHeaders, expected] of ATTRIBUTES) {
    const what = `${JSON.stringify(rule)} ${JSON.stringify(requestHeaders)}`
    t.test(`the cookie has the attributes of its rule, over ${version}: ${what}`, async (t) => {
      const { cookies } = await ask(t, (response) => response.end(), { rule, requestHeaders })
      t.strictSame(cookies, [expected])
    })
  }
}

t.test('a request that cannot have the cookie does not replace it', async (t) => {
  const crossSite = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' }
  for (const [version, ask] of VERSIONS) {
    for (const [rule, requestHeaders, isSet] of [
      [{ path: '/app' }, {}, true],
      [{}, crossSite, false],
      [{ sameSite: 'none' }, crossSite, true],
    ] as const) {
      const { cookies } = await ask(t, (response) => response.end(), { rule, requestHeaders })
      t.equal(cookies.length, isSet ? 1 : 0, `${version} ${JSON.stringify(rule)}`)
    }
  }
})

t.test('without a rule that sets a cookie nothing is set', async (t) => {
  for (const set of [undefined, false]) {
    const rules = set === undefined ? [{ header: 'x-user' }] : [{ cookie: 'id', set }]
    const cookie = affinityCookie(rules, { createValue: () => 'w0', areProxiesTrusted: false, logger: { warn() {} } })
    const response = new ServerResponse({ method: 'GET' } as IncomingMessage)
    cookie.addToResponse({} as IncomingMessage, response)
    cookie.addToHandshake({} as IncomingMessage, {} as never)
    t.notOk(Object.hasOwn(response, '_storeHeader'))
  }
})
