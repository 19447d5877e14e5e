import t from 'tap'
import { startBalancer } from './support/balancer.ts'
import { request, until } from './support/clients.ts'

t.test('listeners that throw or reject, and a logger that throws, stop nothing', async (t) => {
  const balancer = await startBalancer(t, {
    fixture: 'failing-callbacks',
    options: {
      workers: 2,
      reload: { grace: 0, spread: 0 },
      restart: { minDelay: 1, maxCrashesPerMinute: 2, retryDelay: 1, onGiveUp: 'keep' },
    },
  })
  const { port } = balancer
  await balancer.scale(3)
  await balancer.scale(2)
  for (let crashes = 0; crashes < 2; crashes++) {
    const pid = await balancer.pid(0)
    process.kill(pid, 'SIGKILL')
    await until('the worker is replaced', async () => {
      const [worker] = (await balancer.status()).workers
      return worker!.state === 'ready' && worker!.pid !== pid
    })
  }
  const { pid } = await request({ port })
  await balancer.reload()
  t.not((await request({ port })).pid, pid, 'a worker with failing drain listeners finishes')
  for (const event of ['worker:ready', 'worker:state', 'worker:exit', 'slots:moved', 'error', 'drain']) {
    const lines = balancer.output().match(new RegExp(`error listener\\.failed event=${event} error="not my day"`, 'g'))
    t.ok((lines?.length ?? 0) >= 2, `${event}: the log has each failure`)
  }
  t.match(balancer.output(), /error logger\.failed error="not my day"\n\[holdfast\] balancer\.ready /)
  t.equal(await balancer.close(), true)
  t.match(await balancer.exited, { code: 0 })
})
