// sticky-cluster as its README shows it.
import sticky from 'sticky-cluster'

const { createApp, sayReady } = await import(process.env.BENCH_APP)
sticky(
  (serve) => {
    const server = createApp()
    server.once('listening', sayReady)
    serve(server)
  },
  { port: Number(process.env.BENCH_PORT), concurrency: Number(process.env.BENCH_WORKERS) },
)
