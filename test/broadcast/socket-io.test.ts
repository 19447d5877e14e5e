import { io, type Socket } from 'socket.io-client'
import t from 'tap'
import { startBalancer } from '../support/balancer.ts'
import { loopback } from '../support/clients.ts'

const binary = Buffer.from([0, 1, 127, 128, 255])

for (const [transport, env] of [
  ['descriptor-channel', {}],
  ['node-ipc', { HOLDFAST_NATIVE: '0' }],
] as const) {
  t.test(`binary crosses from worker to worker and back as it is, over ${transport}`, async (t) => {
    const options = { workers: 2 }
    const balancer = await startBalancer(t, { fixture: 'socket-io-app', options, env: { REDIS_URL: '', ...env } })
    t.match(await balancer.status(), { steering: { transport } })
    const [here, there] = await Promise.all([0, 1].map((worker) => clientOf(worker)))
    there!.on('question', (question: { data: Buffer }, answer: (data: object) => void) => {
      answer({ isBuffer: Buffer.isBuffer(question.data), back: question.data, nested: [{ date: 1 }] })
    })
    const answers = (await here!.emitWithAck('ask', { data: binary })) as unknown[]
    t.strictSame(answers, [{ isBuffer: true, back: binary, nested: [{ date: 1 }] }])

    async function clientOf(worker: number): Promise<Socket> {
      let n = 1
      while ((await balancer.explain(loopback(n))).worker !== worker) n++
      const localAddress = loopback(n)
      const socket = io(`http://127.0.0.1:${balancer.port}`, { transports: ['websocket'], localAddress } as object)
      t.teardown(() => socket.close())
      await new Promise<void>((done, fail) => socket.once('connect', done).once('connect_error', fail))
      return socket
    }
  })
}
