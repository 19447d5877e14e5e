// What clients and operators notice of the muxes between workers.
import type { ClientRequest } from 'node:http'
import { json } from 'node:stream/consumers'
import t from 'tap'
import { away, send, visit } from '../../support/away.ts'
import { until } from '../../support/clients.ts'

for (const kind of ['http', 'http2'] as const) {
  t.test(`a reload does not wait for open muxes and kept connections between workers, with ${kind}`, async (t) => {
    const reload = { grace: 0, spread: 0, deadline: 20_000 }
    const there = await away(t, { kind, options: { reload } })
    const { pid } = await visit(there.balancer, there.from, kind)
    t.equal(pid, there.owner, 'forwarded')
    const since = performance.now()
    const exit = there.balancer.event<Exit>('worker:exit', (gone) => gone.pid === there.owner)
    await there.balancer.reload()
    t.match(await exit, { code: 0, signal: null })
    t.ok(performance.now() - since < reload.deadline, 'the process has ended by itself before the deadline')
  })
}

t.test('an application that throws and goes on loses no other request', async (t) => {
  const there = await away(t, { env: { FIXTURE_SURVIVE: '1' } })
  // So many at once that some share a chunk: the first ones share it with the head of the mux.
  for (let round = 1; round <= 3; round++) {
    const crashes: ClientRequest[] = []
    const visits: Promise<unknown>[] = []
    for (let n = 0; n < 10; n++) {
      crashes.push(send(there, { path: '/crash' }).sending.end())
      const { sending, answered } = send(there, { path: '/hash', method: 'POST' })
      sending.end('body')
      visits.push(answered.then(json))
    }
    for (const reply of await Promise.all(visits)) t.match(reply, { pid: there.owner, bytes: 4 })
    for (const crash of crashes) crash.on('error', () => {}).destroy()
  }
  const survived = () => there.balancer.output().match(/survived: asked to crash/g)?.length
  await until('all have thrown', () => survived() === 30)
})

interface Exit {
  pid: number
  code: number | null
  signal: string | null
}
