// sticky-session as its README shows it.
import cluster from 'node:cluster'
import sticky from 'sticky-session'

const { createApp, sayReady } = await import(process.env.BENCH_APP)
const worker = sticky.listen(createApp(), Number(process.env.BENCH_PORT), {
  workers: Number(process.env.BENCH_WORKERS),
})
if (worker && cluster.isWorker) sayReady()
