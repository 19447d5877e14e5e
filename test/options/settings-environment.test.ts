// Environment variables that replace missing options.
import { availableParallelism } from 'node:os'
import t, { type Test } from 'tap'
import { readSettings } from '../../src/options/settings.ts'

// The tests set these variables themselves.
delete process.env['PORT']
delete process.env['WEB_CONCURRENCY']

function withEnvironment(t: Test, variables: Record<string, string>): void {
  for (const [name, value] of Object.entries(variables)) {
    process.env[name] = value
    t.teardown(() => delete process.env[name])
  }
}

t.test('PORT and WEB_CONCURRENCY replace a missing port and workers', async (t) => {
  withEnvironment(t, { PORT: '8081', WEB_CONCURRENCY: '3' })
  t.match(readSettings({}), { port: 8081, workers: 3 })
  t.match(readSettings({ port: 1, workers: 2 }), { port: 1, workers: 2 }, 'an option wins')
  withEnvironment(t, { PORT: '', WEB_CONCURRENCY: '' })
  t.match(readSettings({}), { port: 3000, workers: availableParallelism() }, 'an empty variable is ignored')
})

t.test('a variable that is not a number is named in the message', async (t) => {
  for (const PORT of ['http', '80.5', '-1', ' ', '0x50', '1e3']) {
    withEnvironment(t, { PORT })
    const message = /^environment variable PORT: expected an integer from 0 to 65535, got '.*'; write PORT=3000$/
    t.throws(() => readSettings({}), { name: 'TypeError', code: 'HOLDFAST_BAD_OPTION', message }, PORT)
    t.equal(readSettings(80).port, 80, 'a variable that is not needed is not checked')
  }
  withEnvironment(t, { PORT: '65536', WEB_CONCURRENCY: '257' })
  t.throws(() => readSettings({}), { name: 'RangeError', message: /PORT: .* got '65536'/ })
  t.throws(() => readSettings({ port: 1 }), {
    name: 'RangeError',
    message: /WEB_CONCURRENCY: .* from 0 to 256, got '257'/,
  })
})
