// Connections that move to the worker of their session lose no request, whatever happens to the workers meanwhile.
import http from 'node:http'
import t from 'tap'
import { away, sessionOf } from '../../support/away.ts'
import { dial, until, type Reply } from '../../support/clients.ts'
import { get, moved, plainly, readPids, ways } from '../../support/kept-alive.ts'
import { losesNothing } from './migrate-ways.ts'

const [best] = ways
losesNothing(t, best!)

t.test('a request is answered after the primary was killed, and its connection does not move', async (t) => {
  const there = await away(t)
  const conversations = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const socket = await dial(there.port, there.from)
      t.teardown(() => socket.destroy())
      const pids = readPids(socket)
      socket.write(get('u1'))
      return { socket, pids }
    }),
  )
  const answers = () => conversations.reduce((sum, { pids }) => sum + pids.length, 0)
  await until('all have one answer', () => answers() === 20)
  process.kill(there.balancer.child.pid!, 'SIGKILL')
  await there.balancer.exited
  // The workers learn of it at about this time: a request may come before or after.
  for (const { socket } of conversations) {
    socket.write(get('u1'))
    await new Promise((done) => setTimeout(done, 5))
  }
  await until('all have two', () => answers() === 40)
})

t.test('a connection on its way to a worker that is killed is answered by another one', async (t) => {
  const there = await away(t, { options: { limits: { holdTimeout: 20_000 }, restart: { minDelay: 50 } } })
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const ask = () =>
    plainly({ port: there.port, host: '127.0.0.1', localAddress: there.from, agent, headers: sessionOf })
  t.match((await ask()).text, `"pid":${there.owner},`)
  // A stopped worker takes no connection. After it was killed, its successor gets them.
  process.kill(there.owner, 'SIGSTOP')
  const second = ask()
  await until('it is on its way', async () => (await moved(there)) === 1)
  process.kill(there.owner, 'SIGKILL')
  // A worker that has not learned of the end yet may send the connection to the same place once more.
  const answer = await second
  t.equal(answer.status, 200)
  t.not((JSON.parse(answer.text) as Reply).pid, there.owner)
})
