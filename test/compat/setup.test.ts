import http from 'node:http'
import t from 'tap'
import { setupMaster, setupPrimary, setupWorker } from '../../src/compat.ts'
import { startBalancer } from '../support/balancer.ts'

t.test('a wrong call of setupPrimary is refused with what to write instead', async (t) => {
  const call = setupPrimary as (...args: unknown[]) => void
  const server = http.createServer()
  const bad: [args: unknown[], message: RegExp][] = [
    [[], /setupPrimary: expected the server that listens, got undefined; write http\.createServer\(\)/],
    [
      [server, { loadBalancingMethod: 'sticky' }],
      /expected 'random' or 'round-robin' or 'least-connection', got 'sticky'/,
    ],
    [[server, { loadBalancingMethods: 'random' }], /unknown option .*; did you mean 'loadBalancingMethod'\?/],
    [[server, { limits: { holdTimeout: -1 } }], /limits\.holdTimeout: expected an integer from 0/],
    [[server, { logger: {} }], /setupPrimary options\.logger: expected false or an object/],
  ]
  for (const [args, message] of bad) t.throws(() => call(...args), { code: 'HOLDFAST_BAD_OPTION', message })
})

t.test('setupPrimary may be called again, with the same options or without', async (t) => {
  const server = http.createServer()
  const options = { loadBalancingMethod: 'random', limits: { holdTimeout: 100 }, logger: false } as const
  setupPrimary(server, options)
  const listeners = server.listenerCount('listening')
  setupPrimary(server, options)
  setupPrimary(server)
  t.equal(server.listenerCount('listening'), listeners, 'again with the same server changes nothing')
  t.doesNotThrow(() => setupPrimary(http.createServer(), { loadBalancingMethod: 'random' }))
  for (const other of [{ loadBalancingMethod: 'round-robin' }, { limits: { holdTimeout: 200 } }] as const) {
    t.throws(() => setupPrimary(http.createServer(), other), {
      code: 'HOLDFAST_BAD_OPTION',
      message:
        /setupPrimary: the options of the first call hold for all servers; write setupPrimary\(httpServer\) without/,
    })
  }
})

t.test('setupMaster is the old name of setupPrimary', async (t) => {
  t.equal(setupMaster, setupPrimary)
})

t.test('setupWorker in the primary is refused', async (t) => {
  const message = /setupWorker: expected to be called in a worker, this is the primary; write if \(cluster\.isPrimary\)/
  t.throws(() => setupWorker({} as never), { code: 'HOLDFAST_BAD_OPTION', message })
})

for (const [target, message] of [
  ['setupPrimary in a worker', /setupPrimary: expected to be called in the primary, this is a worker; write if/],
  [
    'setupWorker without a server',
    /expected Socket\.IO's server, attached to an HTTP server.*write new Server\(httpServer\)/s,
  ],
  ['setupWorker twice', /setupWorker: called before/],
  ['setupWorker of a server that listens', /HOLDFAST_TARGET_LISTENS/],
] as const) {
  t.test(`${target} is refused`, async (t) => {
    const env = { FIXTURE_TARGET: target }
    const failure = await startBalancer(t, { fixture: 'careless-app', env }).catch((error: unknown) => error)
    t.match((failure as Error).message, message)
  })
}
