import t from 'tap'
import type { StickyOptions } from '../../src/index.ts'
import { checkSameBalancer } from '../../src/options/same-balancer.ts'
import { readSettings } from '../../src/options/settings.ts'

const options = (given: StickyOptions) => ({ given, settings: readSettings(given) })
const check = (first: StickyOptions, second: StickyOptions) => checkSameBalancer(options(first), options(second))

t.test('a second call may leave options out, repeat them, and have a port and a host of its own', async (t) => {
  const logger = { debug() {}, info() {}, warn() {}, error() {} }
  const signal = new AbortController().signal
  const session = () => undefined
  const proxyProtocol = { trust: ['::1'] }
  const first = { port: 3000, workers: 2, limits: { maxPending: 5 }, logger, signal, session, proxyProtocol }
  for (const second of [
    { port: 3001 },
    { port: 3001, host: '127.0.0.1' },
    { ...first, port: 3001 },
    { port: 3001, limits: { maxPending: 5, holdTimeout: 5_000 } },
    { port: 3001, steering: 'handoff', admin: false, standby: undefined },
  ] as StickyOptions[]) {
    t.doesNotThrow(() => check(first, second))
  }
})

t.test('a second call with another option for the whole balancer is refused', async (t) => {
  const first: StickyOptions = { port: 3000, workers: 2, proxyProtocol: { trust: ['::1'] }, session: 'socket.io' }
  const cases: [StickyOptions, RegExp][] = [
    [{ workers: 3 }, /options\.workers: expected 2, which the first call .*, got 3; leave workers out of the second/],
    [{ limits: { maxPending: 5 } }, /options\.limits: expected \{/],
    [{ proxyProtocol: { trust: ['::2'] } }, /options\.proxyProtocol: expected/],
    [{ session: { header: 'x' } }, /options\.session: expected 'socket\.io'/],
    [{ logger: false }, /options\.logger: expected/],
  ]
  for (const [second, message] of cases) t.throws(() => check(first, second), { code: 'HOLDFAST_BAD_OPTION', message })
})
