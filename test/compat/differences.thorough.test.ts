import t from 'tap'
import { freePort } from '../support/clients.ts'
import { startProgram } from '../support/program.ts'

t.test('a program of sticky-session that cannot start is given up with exit code 3', async (t) => {
  const env = { FIXTURE_PORT: String(await freePort()), FIXTURE_BROKEN: '1', FIXTURE_OPTIONS: '{"workers":1}' }
  const { exited, stderr } = startProgram(t, 'test/fixtures/listen-app.js', [], env)
  t.match(await exited, { code: 3 })
  t.match(stderr(), /the fixture is broken/)
})
