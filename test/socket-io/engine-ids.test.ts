import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { Runtime } from '../../src/runtime.ts'
import { nameProcessInIds } from '../../src/socket-io/engine-ids.ts'

t.test('the engine makes its own ids until the session layer is open', async (t) => {
  const runtime = new Runtime()
  const engine = {
    ids: 0,
    generateId(_: IncomingMessage): string | PromiseLike<string> {
      return `own ${++this.ids}`
    },
  }
  nameProcessInIds(engine, runtime)
  const request = {} as IncomingMessage
  t.equal(await engine.generateId(request), 'own 1')
  runtime.createSessionId = () => 'of this process'
  t.equal(await engine.generateId(request), 'of this process')
})
