import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import { setTimeout as pause } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startBalancer, type Balancer } from '../support/balancer.ts'
import { loopback, until } from '../support/clients.ts'
import { CELLS, SERVERS, type ServerKind } from '../support/drain-cells.ts'

const ENDS = ['reload', 'scale down', 'shutdown'] as const
const DEADLINE = 8_000
const times = { reload: { deadline: DEADLINE, grace: 200, spread: 200 }, shutdown: { deadline: DEADLINE } }

t.test('the table of drained connections holds for forked workers', { jobs: 3 }, async (t) => {
  for (const kind of SERVERS) {
    for (const end of ENDS) {
      void t.test(`${end}, ${kind}: the process ends by itself`, async (t) => {
        const workers = end === 'scale down' ? 2 : 1
        const balancer = await start(t, kind, { workers, ...times })
        const id = workers - 1
        const pid = await balancer.pid(id)
        const to = { port: balancer.port, localAddress: await addressOf(balancer, id) }
        const cells = CELLS.filter((cell) => cell.kind === kind)
        const entered = await Promise.all(
          cells.map(async ({ state, outcome }) => ({ state, outcome, client: await state.enter(kind, to) })),
        )
        t.teardown(() => entered.forEach(({ client }) => client.socket.destroy()))
        await until('the worker has them', async () => {
          const { handedOff } = (await balancer.status()).connections
          return handedOff === entered.length
        })

        const drains = balancer.event('worker:state', ({ pid: of, state }) => of === pid && state === 'draining')
        const exit = balancer.event('worker:exit', ({ pid: of }) => of === pid)
        const done = perform(balancer, end)
        await drains
        const stays = ({ outcome }: { outcome: string }) => outcome === 'served' || outcome === 'deadline'
        await Promise.all(entered.filter((one) => !stays(one)).map(({ client }) => client.closed))
        for (const { state, client } of entered.filter(stays)) {
          t.notOk(client.socket.readableEnded, `${state.name}: still open`)
          await state.finish?.(client)
        }
        t.match(await exit, { code: 0, signal: null })
        const result = await done
        if (end === 'shutdown') t.equal(result, true)
      })
    }
  }
})

function perform(balancer: Balancer, end: (typeof ENDS)[number]): Promise<unknown> {
  if (end === 'reload') return balancer.reload()
  return end === 'shutdown' ? balancer.close() : balancer.scale(1)
}

t.test('reloads with a short deadline lose no request of keep-alive clients', { jobs: 2 }, async (t) => {
  for (const [kind, client] of [
    ['http', keepAlive(http, 'http')],
    ['https', keepAlive(https, 'https')],
    ['http2 with allowHTTP1', keepAlive(https, 'https')],
    ['http2 with allowHTTP1', overHttp2('https')],
    ['h2c', overHttp2('http')],
  ] as const) {
    void t.test(`${kind}, ${client.name}`, async (t) => {
      const reload = { deadline: 3_000, grace: 100, spread: 100 }
      const balancer = await start(t, kind, { workers: 2, balance: 'round-robin', reload })
      const load = Array.from({ length: 20 }, () => client.start(balancer.port))
      await until('all have an answer', () => load.every(({ answers }) => answers.count > 0))
      for (let n = 0; n < 3; n++) {
        const before = load.reduce((sum, { answers }) => sum + answers.count, 0)
        const pids = [await balancer.pid(0), await balancer.pid(1)]
        const exits = pids.map((pid) => balancer.event('worker:exit', ({ pid: of }) => of === pid))
        await balancer.reload()
        for (const exit of exits) t.match(await exit, { code: 0, signal: null })
        t.ok(load.reduce((sum, { answers }) => sum + answers.count, 0) > before)
      }
      t.strictSame((await Promise.all(load.map(({ stop }) => stop()))).flat(), [], 'no request has failed')
    })
  }
})

function start(t: Test, kind: ServerKind, options: object): Promise<Balancer> {
  return startBalancer(t, { fixture: 'drain-app', env: { FIXTURE_KIND: kind }, options })
}

/** An address whose clients the worker serves. */
async function addressOf(balancer: Balancer, worker: number): Promise<string> {
  for (let n = 1; ; n++) if ((await balancer.explain(loopback(n))).worker === worker) return loopback(n)
}

/** Milliseconds between two requests of one client. */
const INTERVAL = 10

interface Load {
  answers: { count: number }
  /** @returns the failures */
  stop(): Promise<unknown[]>
}

interface LoadKind {
  name: string
  /** Sends one request after the other, on as few connections as the server allows. */
  start(port: number): Load
}

function repeat(run: () => Promise<void>, end: () => void): Load {
  const answers = { count: 0 }
  const failures: unknown[] = []
  const state = { isStopped: false }
  const running = (async () => {
    while (!state.isStopped) {
      await run().then(
        () => answers.count++,
        (error: unknown) => failures.push(error),
      )
      await pause(INTERVAL)
    }
  })()
  return {
    answers,
    async stop() {
      state.isStopped = true
      await running
      end()
      return failures
    },
  }
}

function keepAlive({ Agent, request }: typeof http | typeof https, protocol: string): LoadKind {
  return {
    name: `HTTP/1.1 over ${protocol}`,
    start(port) {
      const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false })
      const run = () =>
        new Promise<void>((done, fail) => {
          const options = { port, host: '127.0.0.1', method: 'POST', agent, rejectUnauthorized: false }
          const sending = request(options as http.RequestOptions, (response) => {
            response.on('error', fail).on('end', done).resume()
          })
          sending.on('error', fail).end('x')
        })
      return repeat(run, () => agent.destroy())
    },
  }
}

function overHttp2(protocol: string): LoadKind {
  return {
    name: `HTTP/2 over ${protocol}`,
    start(port) {
      let session: http2.ClientHttp2Session | undefined
      const open = (): http2.ClientHttp2Session => {
        const opened = http2.connect(`${protocol}://127.0.0.1:${port}`, { rejectUnauthorized: false })
        opened.on('error', () => {})
        for (const event of ['goaway', 'close']) opened.on(event, () => session === opened && (session = undefined))
        return opened
      }
      const run = async (): Promise<void> => {
        const stream = (session ??= open()).request({ ':method': 'POST' }).end('x')
        stream.resume()
        try {
          await once(stream, 'end')
        } catch (error) {
          // The server says that it has not seen the request, so the client sends it again (RFC 9113, 8.7).
          if (stream.rstCode !== http2.constants.NGHTTP2_REFUSED_STREAM) throw error
          session = undefined
          await run()
        }
      }
      return repeat(run, () => session?.destroy())
    },
  }
}
