// The lines between workers, in what a client and an operator notice of them.
import t from 'tap'
import { away, visit } from '../support/away.ts'

for (const kind of ['http', 'http2'] as const) {
  t.test(`a reload does not wait for the lines that requests were sent on over, with ${kind}`, async (t) => {
    const reload = { grace: 0, spread: 0, deadline: 20_000 }
    const there = await away(t, { kind, options: { reload } })
    const { pid } = await visit(there.balancer, there.from, kind)
    t.equal(pid, there.owner, 'sent on')
    const since = performance.now()
    const exit = there.balancer.event<Exit>('worker:exit', (gone) => gone.pid === there.owner)
    await there.balancer.reload()
    t.match(await exit, { code: 0, signal: null })
    t.ok(performance.now() - since < reload.deadline, 'by itself, before it has to')
  })
}

interface Exit {
  pid: number
  code: number | null
  signal: string | null
}
