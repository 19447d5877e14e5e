import * as fc from 'fast-check'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t, { type Test } from 'tap'
import { StickyError } from '../../src/errors.ts'
import { consoleLogger, silentLogger } from '../../src/logger.ts'
import { checkEntry, readSettings } from '../../src/options/settings.ts'
import { fingerprint32 } from '../../src/slots/hash.ts'

// The defaults below hold without these variables.
delete process.env['PORT']
delete process.env['WEB_CONCURRENCY']

/** Takes any value: these tests pass values that the types do not allow. */
const read = (options?: unknown) => readSettings(options as Parameters<typeof readSettings>[0])

function complaint(options: unknown): Error & { code?: string } {
  try {
    read(options)
  } catch (error) {
    return error as Error
  }
  throw new Error('no complaint')
}

t.test('missing options get their defaults', async (t) => {
  t.match(read(), {
    port: 3000,
    host: undefined,
    workers: availableParallelism(),
    backlog: 4096,
    exec: process.argv[1],
    args: [],
    cwd: process.cwd(),
    steering: 'handoff',
    affinity: { ipv4Prefix: 32, ipv6Prefix: 64, seed: 0 },
    limits: { maxConnections: Infinity, maxPerAddress: Infinity, maxPending: 4096, holdTimeout: 5_000 },
    restart: { minDelay: 100, maxDelay: 30_000, stableAfter: 10_000 },
    health: { readyTimeout: 30_000, ackTimeout: 1_000, deadline: 30_000 },
    shutdown: { deadline: 10_000, signals: ['SIGTERM', 'SIGINT'] },
    ticketRotation: 86_400_000,
    logger: consoleLogger,
    signal: undefined,
  })
})

t.test('a number is the port', async (t) => {
  t.equal(read(8080).port, 8080)
  t.equal(read(0).port, 0)
  t.match(complaint(70_000), { name: 'RangeError', message: /port: expected an integer from 0 to 65535, got 70000/ })
})

t.test('digits as text are a number, where the number usually comes from an environment variable', async (t) => {
  t.match(read('3000'), { port: 3000 })
  t.match(read({ port: '8080', workers: '2', standby: '1', admin: '9000' }), { port: 8080, workers: 2, standby: 1 })
  t.equal(read({ port: ' 8080\n' }).port, 8080, 'with spaces around, as Node takes it')
  t.equal(read({ admin: '9000' }).admin!.port, 9_000)
  t.equal(read({ admin: { port: '0' } }).admin!.port, 0)
  for (const text of ['', ' ', '0x50', '1e3', '3000.5', '-1', '70000', '3000/tcp', 'http', '/run/app.sock']) {
    const message = /options\.port: expected an integer from 0 to 65535, got '.*'; write port: 3000$/
    t.match(complaint({ port: text }), { code: 'HOLDFAST_BAD_OPTION', message }, text)
    t.match(complaint(text), { code: 'HOLDFAST_BAD_OPTION', message }, text)
  }
  t.match(complaint({ workers: '300' }), { message: /workers: expected an integer from 0 to 256, got '300'/ })
  t.match(complaint({ health: { deadline: '1000' } }), { message: /deadline: expected an integer .*, got '1000'/ })
})

t.test('settings are frozen, down to the lists', async (t) => {
  const given = { args: ['a'], env: { A: '1' }, execArgv: ['--no-warnings'], shutdown: { signals: ['SIGHUP'] } }
  const settings = read(given)
  const { affinity, limits, restart, health, shutdown, args, env, execArgv } = settings
  const groups = {
    settings,
    affinity,
    limits,
    restart,
    health,
    shutdown,
    args,
    env: env(0),
    execArgv,
    list: shutdown.signals,
  }
  for (const [name, group] of Object.entries(groups)) t.ok(Object.isFrozen(group), name)
  given.args.push('later')
  given.env.A = '2'
  t.match(read(given).args, ['a', 'later'])
  t.strictSame([settings.args, settings.env(1)], [['a'], { A: '1' }], 'a later change of the options has no effect')
})

t.test('an unknown option is refused, with the most similar known one', async (t) => {
  const cases: [object, RegExp][] = [
    [{ prot: 1 }, /^stickyListen options: unknown option 'prot'; did you mean 'port'\?$/],
    [{ worker: 1 }, /did you mean 'workers'\?/],
    [{ EXECARGV: [] }, /did you mean 'execArgv'\?/],
    [
      { limits: { maxpending: 1 } },
      /^stickyListen options\.limits: unknown option 'maxpending'; did you mean 'maxPending'\?/,
    ],
    [
      { affinity: { ipv6: 1 } },
      /^stickyListen options\.affinity: unknown option 'ipv6'; known are ipv4Prefix, ipv6Prefix, seed$/,
    ],
    [{ trustProxy: true }, /^stickyListen options: unknown option 'trustProxy'; known are port, host, /],
  ]
  for (const [options, message] of cases) {
    t.match(complaint(options), { name: 'TypeError', code: 'HOLDFAST_BAD_OPTION', message })
  }
})

t.test('the message says which option is invalid, what was expected, what came and what to write', async (t) => {
  const wrong = [undefined, null, true, 'x', '', 1.5, -1, 1e12, Number.NaN, 10n, Symbol('s'), () => {}, [], [1], {}]
  const names = [
    'port',
    'backlog',
    'workers',
    'host',
    'exec',
    'args',
    'execArgv',
    'env',
    'steering',
    'logger',
    'signal',
  ]
  const groups = {
    affinity: ['ipv4Prefix', 'ipv6Prefix', 'seed'],
    limits: ['maxConnections', 'maxPerAddress', 'maxPending', 'holdTimeout'],
    restart: ['minDelay', 'maxDelay', 'stableAfter', 'maxAge', 'maxServed'],
    health: ['readyTimeout', 'ackTimeout', 'interval', 'unhealthyAfter', 'maxLag', 'deadline', 'maxRss', 'maxHeap'],
    reload: ['parallel', 'deadline', 'grace', 'spread', 'signals'],
    shutdown: ['deadline', 'signals'],
  }
  const check = (t: Test, path: string, options: object): boolean => {
    try {
      read(options)
      return false
    } catch (error) {
      t.match(
        error,
        { code: 'HOLDFAST_BAD_OPTION', message: /^stickyListen options\.\w+(\.\w+)?: expected .+, got .+; write .+/ },
        path,
      )
      t.ok((error as Error).message.includes(path), (error as Error).message)
      t.ok(error instanceof TypeError || error instanceof RangeError)
      return true
    }
  }
  for (const name of names) {
    const refused = wrong.filter((value) => check(t, `options.${name}`, { [name]: value }))
    t.ok(refused.length >= 8, `${name} refuses most of them`)
  }
  for (const [group, members] of Object.entries(groups)) {
    for (const value of [null, 1, 'x', [], () => {}]) {
      t.match(complaint({ [group]: value }), { message: `${group}: expected an object, got` }, group)
    }
    for (const name of members) {
      const refused = wrong.filter((value) => check(t, `${group}.${name}`, { [group]: { [name]: value } }))
      t.ok(refused.length >= 8, `${group}.${name} refuses most of them`)
    }
  }
})

t.test('a nested option is named and written with the option around it', async (t) => {
  for (const [options, message] of [
    [{ limits: 1 }, 'limits: expected an object, got 1; write limits: { … } or leave it out'],
    [
      { limits: { maxPending: 0 } },
      'limits.maxPending: expected an integer from 1 to 1000000, got 0; write limits: { maxPending: 4096 }',
    ],
    [
      { proxyProtocol: { trust: 'all' } },
      "proxyProtocol.trust: expected an array of strings, got 'all'; write proxyProtocol: { trust: ['…'] }",
    ],
    [{ admin: { port: 'x' } }, "admin.port: expected an integer from 0 to 65535, got 'x'; write admin: { port: 9464 }"],
  ] as const) {
    t.equal(complaint(options).message, `stickyListen options.${message}`)
  }
})

t.test('a session option without a rule is refused', async (t) => {
  for (const session of [[], [undefined], [[]], null, false, '', ['socket.io', {}]]) {
    t.match(complaint({ session }), {
      code: 'HOLDFAST_BAD_OPTION',
      message: /session: expected 'socket\.io', .*; write session: \['socket\.io', .*\], or leave session out$/,
    })
  }
})

t.test("loadFactor needs balance 'address'", async (t) => {
  for (const balance of ['round-robin', 'least-connections'] as const) {
    t.match(complaint({ balance, limits: { loadFactor: true } }), {
      code: 'HOLDFAST_BAD_OPTION',
      message: `balance: expected 'address', which limits.loadFactor bounds, got '${balance}'`,
    })
  }
  t.doesNotThrow(() => read({ balance: 'round-robin', limits: { loadFactor: false } }))
})

t.test('the examples in the messages are valid', async (t) => {
  for (const options of [
    { port: 3000 },
    { limits: { maxConnections: Infinity } },
    { affinity: { seed: 'any secret text' } },
    { shutdown: { signals: ['SIGTERM', 'SIGINT'] } },
    { env: { NAME: 'value' } },
    { logger: false },
    { host: '127.0.0.1' },
    { host: '::' },
    { host: 'localhost' },
    { signal: new AbortController().signal },
    { steering: 'handoff' },
  ]) {
    t.doesNotThrow(() => read(options), JSON.stringify(options))
  }
})

t.test('every integer in the range is accepted, and no other', async () => {
  const bounded = (name: string, min: number, max: number, wrap = (value: unknown): unknown => value) => {
    const taken = (value: number) => {
      try {
        read(wrap({ [name]: value }))
        return true
      } catch {
        return false
      }
    }
    fc.assert(fc.property(fc.integer({ min, max }), taken))
    fc.assert(fc.property(fc.oneof(fc.integer({ max: min - 1 }), fc.integer({ min: max + 1 })), (n) => !taken(n)))
  }
  bounded('port', 0, 65_535)
  bounded('workers', 0, 256)
  bounded('standby', 0, 256)
  bounded('unhealthyAfter', 1, 1_000, (health) => ({ health }))
  bounded('parallel', 1, 256, (reload) => ({ reload }))
  bounded('ipv6Prefix', 1, 128, (affinity) => ({ affinity }))
})

t.test('at least two heartbeats fit into health.deadline', async (t) => {
  t.equal(read({}).health.interval, 1_000)
  t.equal(read({ health: { deadline: 300 } }).health.interval, 100)
  t.match(complaint({ health: { deadline: 1 } }), {
    message: /^stickyListen options\.health\.deadline: expected an integer from 2 /,
  })
  t.match(complaint({ health: { deadline: 1_500, interval: 1_000 } }), {
    name: 'RangeError',
    message:
      'stickyListen options.health.interval: expected from 1 to half of health.deadline, got 1000; write health: { interval: 500 }',
  })
})

t.test('env may be a function of the worker, and what it returns is checked', async (t) => {
  const { env } = read({ env: (worker: number) => ({ METRICS_PORT: String(9100 + worker) }) })
  t.strictSame(
    [env(0), env(3), env(-1)],
    [{ METRICS_PORT: '9100' }, { METRICS_PORT: '9103' }, { METRICS_PORT: '9099' }],
  )
  for (const wrong of ['text', null, { METRICS_PORT: 9100 }]) {
    t.throws(() => read({ env: () => wrong }).env(0), { name: 'TypeError', message: /env: expected an object/ })
  }
})

t.test('cwd is an existing folder, in which exec is looked for', async (t) => {
  const folder = t.testdir({ 'app.js': '', deep: { 'app.js': '' } })
  t.match(read({ cwd: folder, exec: 'app.js' }), { cwd: folder, exec: join(folder, 'app.js') })
  t.match(read({ cwd: pathToFileURL(join(folder, 'deep')), exec: '../app.js' }), { exec: join(folder, 'app.js') })
  t.match(complaint({ cwd: './nowhere' }), { name: 'RangeError', message: /cwd: expected .* got '\.\/nowhere'/ })
})

t.test('exec is the path or file URL of an existing file', async (t) => {
  const here = import.meta.filename
  t.equal(read({ exec: here }).exec, here)
  t.equal(read({ exec: pathToFileURL(here) }).exec, here)
  t.match(complaint({ exec: './nowhere.js' }), { name: 'RangeError', message: /exec: .* got '\.\/nowhere\.js'/ })
  t.match(complaint({ exec: new URL('https://127.0.0.1/') }), { name: 'TypeError', message: /exec: expected a string/ })
  t.match(complaint({ exec: import.meta.dirname }), { name: 'RangeError' }, 'a folder is not a program')
})

t.test('a missing program file is an error before anything starts', async (t) => {
  t.throws(() => checkEntry({ ...read(), exec: '' }), new StickyError('HOLDFAST_NO_ENTRY'))
  t.doesNotThrow(() => checkEntry(read()))
})

t.test('an IPv6 host may have brackets', async (t) => {
  t.equal(read({ host: '[::1]' }).host, '::1')
  t.equal(read({ host: '[localhost]' }).host, '[localhost]')
  t.match(complaint({ host: 'http://localhost' }), { message: /host: expected an address or a name/ })
})

t.test('a seed is a number, or a text that gives the same number on all hosts', async (t) => {
  t.equal(read({ affinity: { seed: 0xffffffff } }).affinity.seed, 0xffffffff)
  t.equal(read({ affinity: { seed: 'secret' } }).affinity.seed, fingerprint32(Buffer.from('secret')))
  t.match(complaint({ affinity: { seed: 2 ** 32 } }), { message: /affinity\.seed: .* got 4294967296/ })
})

t.test('a logger is false or has a function for each of the four levels', async (t) => {
  t.equal(read({ logger: false }).logger, silentLogger)
  t.doesNotThrow(() => read({ logger: console }))
  t.match(complaint({ logger: { info() {} } }), { message: /logger: expected false or an object with debug, info/ })
})

t.test('only signals that a process can handle are accepted', async (t) => {
  t.strictSame(read({ shutdown: { signals: [] } }).shutdown.signals, [])
  t.strictSame(read({ shutdown: { signals: ['SIGHUP'] } }).shutdown.signals, ['SIGHUP'])
  for (const signal of ['SIGKILL', 'SIGSTOP', 'SIGNONE', 'toString', 'sigterm']) {
    t.match(complaint({ shutdown: { signals: [signal] } }), { name: 'RangeError', message: 'signal names' }, signal)
  }
})

t.test('by default a worker gets no debugger flags', async (t) => {
  const before = process.execArgv
  t.teardown(() => (process.execArgv = before))
  process.execArgv = ['--inspect=9229', '--inspect-brk', '--no-warnings']
  t.strictSame(read().execArgv, ['--no-warnings'])
  t.strictSame(read({ execArgv: ['--inspect=0'] }).execArgv, ['--inspect=0'], 'an explicit flag stays')
})

t.test('an option that refers to itself is shown in the message', async (t) => {
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  t.match(complaint({ port: circle }), { message: /port: expected an integer .* got <ref \*1> \{/ })
  t.match(
    complaint({ port: 'x'.repeat(100) }),
    { message: /got 'x{50,60}\.\.\.; write port: 3000$/ },
    'long values are cut',
  )
})
