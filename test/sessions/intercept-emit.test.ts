// Requests are routed, whatever an application does with the `emit` of its server.
import { EventEmitter, once } from 'node:events'
import http, { type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import type { Emit } from '../../src/serving/target.ts'
import { interceptEmit } from '../../src/sessions/intercept-emit.ts'

/** What an application does, and the requests of which its function hears: routed ones, and delivered ones. */
const REPLACED: Record<string, [replace: (server: http.Server, seen: Seen) => void, isSeen: boolean]> = {
  nothing: [() => {}, false],
  'a function that calls the one before it': [
    (server, seen) => {
      const before = server.emit.bind(server) as Emit
      server.emit = ((event: string, ...args: unknown[]) => {
        seen(event)
        return before(event, ...args)
      }) as never
    },
    true,
  ],
  'a property that is defined anew': [
    (server, seen) => {
      const before = server.emit.bind(server) as Emit
      const value: Emit = (event, ...args) => {
        seen(event)
        return before(event, ...args)
      }
      Object.defineProperty(server, 'emit', { value, configurable: true, writable: true })
    },
    true,
  ],
  'a proxy that a tool sets once, as it knows its own': [
    (server, seen) => {
      const own = new WeakSet<object>()
      const wrap = () => {
        if (own.has(server.emit)) return
        server.emit = new Proxy(server.emit, {
          apply(target, self, args: Parameters<Emit>) {
            seen(args[0])
            return Reflect.apply(target, self, args) as boolean
          },
        })
        own.add(server.emit)
      }
      for (let n = 0; n < 3; n++) wrap()
    },
    true,
  ],
  'the method of the class': [
    (server, seen) => {
      const before = http.Server.prototype.emit as Emit
      http.Server.prototype.emit = function (this: http.Server, event: string, ...args: unknown[]) {
        seen(event)
        return Reflect.apply(before, this, [event, ...args])
      } as never
      server.once('close', () => Reflect.deleteProperty(http.Server.prototype, 'emit'))
    },
    true,
  ],
}

type Seen = (event: string) => void

for (const [name, [replace, isSeen]] of Object.entries(REPLACED)) {
  t.test(`each request is routed once, and the application gets it once, with ${name}`, async (t) => {
    const seen: string[] = []
    const { server, ask, deliver, routed, warnings } = await setUp(t)
    replace(server, (event) => seen.push(event))
    t.equal(await ask('/a'), 'served /a')
    t.strictSame(routed, ['/a'])
    t.equal(deliver('/b'), true)
    t.strictSame(routed, ['/a'], 'not routed')
    t.strictSame(
      seen.filter((event) => event === 'request'),
      isSeen ? ['request', 'request'] : [],
      'once per request',
    )
    t.equal(await ask('/c'), 'served /c')
    t.strictSame(warnings, [])
  })
}

/** Functions that call no other. */
const BYPASSES: Record<string, (server: http.Server) => void> = {
  'a function of its own': (server) => {
    server.emit = ((...args: Parameters<Emit>) => Reflect.apply(EventEmitter.prototype.emit, server, args)) as never
  },
  'no function, but that of the class': (server) => void Reflect.deleteProperty(server, 'emit'),
}

for (const [name, bypass] of Object.entries(BYPASSES)) {
  t.test(`the log says that requests are not routed, with ${name}`, async (t) => {
    const { server, ask, routed, warnings } = await setUp(t)
    t.equal(await ask('/a'), 'served /a')
    bypass(server)
    // The connection is noticed by the listener that the application's function calls.
    t.equal(await ask('/b'), 'served /b')
    t.equal(await ask('/c'), 'served /c')
    t.strictSame(routed, ['/a'])
    t.match(warnings, [{ event: 'session.bypassed' }])
    t.equal(warnings.length, 1, 'once')
  })
}

t.test('a server without a listener for requests gets none', async (t) => {
  const server = http.createServer()
  const { start, deliver } = interceptEmit(server, { warn() {} })
  start(() => true)
  const before = server.emit.bind(server)
  server.emit = ((...args: Parameters<Emit>) => Reflect.apply(before, server, args)) as never
  t.equal(deliver('request', {}, {}), false)
  t.equal(server.listenerCount('request'), 0)
})

t.test("an `emit` that the server had before is the application's", async (t) => {
  const server = http.createServer()
  const events: string[] = []
  server.emit = ((event: string) => events.push(event) > 0) as never
  const { start } = interceptEmit(server, { warn() {} })
  start(() => false)
  t.equal(server.emit('listening'), true)
  t.equal(server.emit('request', {} as never, {} as never), false, 'routed')
  t.strictSame(events, ['listening'])
})

async function setUp(t: Test) {
  const routed: string[] = []
  const warnings: object[] = []
  const server = http.createServer((request, response) => response.end(`served ${request.url}`))
  const { serve, deliver, start } = interceptEmit(server, {
    warn: (event, fields) => void warnings.push({ event, ...fields }),
  })
  start((event, args) => {
    routed.push((args[0] as IncomingMessage).url ?? '')
    return serve(event, ...args)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    server,
    routed,
    warnings,
    async ask(path: string) {
      const [response] = (await once(http.get({ port, path, agent: false }), 'response')) as [IncomingMessage]
      return text(response)
    },
    deliver: (url: string) => deliver('request', { url }, { end() {} }),
  }
}
