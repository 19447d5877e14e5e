import { spawnSync } from 'node:child_process'
import t from 'tap'
import { consoleLogger, safeLogger, silentLogger } from '../src/logger.ts'

/** The text that `run` writes to stderr. */
function written(run: () => void): string {
  const { text, stop } = collect()
  try {
    run()
  } finally {
    stop()
  }
  return text()
}

function collect() {
  const { write } = process.stderr
  let text = ''
  process.stderr.write = (chunk: string | Uint8Array) => {
    text += String(chunk)
    return true
  }
  return { text: () => text, stop: () => void (process.stderr.write = write) }
}

const info = (fields: Record<string, unknown>) => written(() => consoleLogger.info('event', fields))

t.test('an event is one line: its name, then its fields', async (t) => {
  const line = written(() => consoleLogger.info('worker.exit', { worker: 0, pid: 4242, code: null, signal: 'SIGKILL' }))
  t.equal(line, '[holdfast] worker.exit worker=0 pid=4242 signal=SIGKILL\n', 'null and undefined fields are left out')
})

t.test('lines of warnings and errors begin with their level', async (t) => {
  t.equal(
    written(() => consoleLogger.warn('event', {})),
    '[holdfast] warning event\n',
  )
  t.equal(
    written(() => consoleLogger.error('event', {})),
    '[holdfast] error event\n',
  )
})

t.test('a value cannot end the line or look like another field', async (t) => {
  t.equal(info({ reason: 'two words' }), '[holdfast] event reason="two words"\n')
  t.equal(info({ reason: 'a=b' }), '[holdfast] event reason="a=b"\n')
  t.equal(info({ reason: 'a "quote"' }), '[holdfast] event reason="a \\"quote\\""\n')
  t.equal(info({ reason: '' }), '[holdfast] event reason=""\n')
  t.equal(info({ reason: '{not\njson' }), '[holdfast] event reason="{not\\njson"\n')
  t.equal(info({ reason: '\u001B[31mred' }), '[holdfast] event reason="\\u001b[31mred"\n')
})

t.test('an error is shown as its message, an object as JSON', async (t) => {
  t.equal(info({ error: new Error('it broke') }), '[holdfast] event error="it broke"\n')
  t.equal(info({ address: { port: 1 }, slots: [1, 2] }), '[holdfast] event address={"port":1} slots=[1,2]\n')
  t.equal(info({ clean: false, hash: 0 }), '[holdfast] event clean=false hash=0\n')
})

t.test('no value makes a log line throw', async (t) => {
  const circle: Record<string, unknown> = {}
  circle['self'] = circle
  for (const value of [circle, 10n, Symbol('s'), () => {}, { big: 1n }, [undefined], Number.NaN]) {
    t.match(info({ value }), /^\[holdfast\] event value=.+\n$/)
  }
})

t.test('debug lines appear only with HOLDFAST_LOG=debug', async (t) => {
  const program = `
    const { consoleLogger } = await import(${JSON.stringify(new URL('../src/logger.js', import.meta.url))})
    consoleLogger.debug('worker.start', { worker: 1 })`
  const run = (HOLDFAST_LOG: string) =>
    spawnSync(process.execPath, ['--input-type=module', '-e', program], {
      env: { ...process.env, HOLDFAST_LOG },
      encoding: 'utf8',
    }).stderr
  t.equal(run('debug'), '[holdfast] debug worker.start worker=1\n')
  t.equal(run(''), '')
})

t.test('the silent logger writes nothing', async (t) => {
  const text = written(() => {
    silentLogger.debug('event', {})
    silentLogger.info('event', {})
    silentLogger.warn('event', {})
    silentLogger.error('event', {})
  })
  t.equal(text, '')
})

t.test(
  "the methods of the application's logger are called with their own `this`, the event and its fields",
  async (t) => {
    const lines: unknown[] = []
    class Mine {
      debug = () => {}
      warn = () => {}
      error = () => {}
      info(...line: unknown[]) {
        lines.push([this instanceof Mine, ...line])
      }
    }
    safeLogger(new Mine()).info('worker.ready', { worker: 1 })
    t.strictSame(lines, [[true, 'worker.ready', { worker: 1 }]])
  },
)

t.test('when a logger throws or rejects, its error and the event go to stderr', async (t) => {
  const fail = () => {
    throw new Error('disk full')
  }
  const later = async () => fail()
  for (const failing of [fail, later]) {
    const { text, stop } = collect()
    safeLogger({ debug: failing, info: failing, warn: failing, error: failing }).warn('worker.slow', { worker: 1 })
    await new Promise((done) => setImmediate(done))
    stop()
    t.equal(text(), '[holdfast] error logger.failed error="disk full"\n[holdfast] warning worker.slow worker=1\n')
  }
})
