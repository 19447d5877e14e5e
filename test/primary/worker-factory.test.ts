import t from 'tap'
import { readSettings } from '../../src/options/settings.ts'
import type { Transport } from '../../src/transport/transport.ts'
import { workerProgram } from '../../src/primary/worker-factory.ts'

const transport = {
  name: 'node-ipc',
  serialization: 'json',
  endpoint: () => ({ inherit: [], afterFork() {}, close() {} }),
} as unknown as Transport

function environment(env: Record<string, string> = {}): NodeJS.ProcessEnv {
  const address = { address: '::', family: 'IPv6' as const, port: 3000 }
  const setup = {
    id: 0,
    workers: 1,
    restarts: 0,
    address,
    instance: 1,
    folder: '',
    listeners: [],
    ofFirstCall: 1,
    expected: [],
  }
  return workerProgram(readSettings({ env }), transport, setup, () => {}).env
}

t.test("a worker has the primary's environment, but not its debugger's port", async (t) => {
  const before = process.env['NODE_OPTIONS']
  t.teardown(() => {
    if (before === undefined) delete process.env['NODE_OPTIONS']
    else process.env['NODE_OPTIONS'] = before
  })
  process.env['NODE_OPTIONS'] = '--no-warnings --inspect=9229'
  t.equal(environment()['NODE_OPTIONS'], '--no-warnings')
  t.equal(
    environment({ NODE_OPTIONS: '--inspect=0' })['NODE_OPTIONS'],
    '--inspect=0',
    'unless NODE_OPTIONS asks for it',
  )
  delete process.env['NODE_OPTIONS']
  t.notOk('NODE_OPTIONS' in environment())
  t.equal(environment()['PATH'], process.env['PATH'])
})
