// WebSockets that pass through one worker to another.
import { once } from 'node:events'
import t from 'tap'
import { away, openWebSocket } from '../../support/away.ts'

t.test('a worker that drains tells the clients of WebSockets that pass through it to come back', async (t) => {
  const reload = { grace: 0, spread: 0, deadline: 20_000 }
  const there = await away(t, { kind: 'wss', options: { reload, shutdown: { deadline: 20_000 } } })
  const { workers } = await there.balancer.status()
  const carrier = workers.find(({ pid }) => pid !== there.owner)!
  const socket = await openWebSocket(there)
  socket.send('who?')
  const [answer] = (await once(socket, 'message')) as [Buffer]
  t.match(JSON.parse(answer.toString()), { pid: there.owner })
  const closed = once(socket, 'close')
  const exit = there.balancer.event<{ pid: number; code: number }>('worker:exit', ({ pid }) => pid === carrier.pid)
  const since = performance.now()
  process.kill(carrier.pid!, 'SIGTERM')
  t.equal((await closed)[0], 1012)
  t.match(await exit, { code: 0 })
  t.ok(performance.now() - since < reload.deadline, 'the process has ended by itself before the deadline')
  t.notMatch(there.balancer.output(), /Warning/)
})
