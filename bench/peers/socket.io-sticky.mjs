// @socket.io/sticky as its README shows it, but for the method: 'least-connection' counts Socket.IO sessions only, so
// that without any it gives every connection to the first worker.
import cluster from 'node:cluster'
import { createServer } from 'node:http'
import { setupMaster, setupWorker } from '@socket.io/sticky'
import { Server } from 'socket.io'

if (cluster.isPrimary) {
  const server = createServer()
  setupMaster(server, { loadBalancingMethod: 'round-robin' })
  server.listen(Number(process.env.BENCH_PORT))
  cluster.setupPrimary({ serialization: 'advanced' })
  for (let i = Number(process.env.BENCH_WORKERS); i > 0; i--) cluster.fork()
} else {
  const { createApp, sayReady } = await import(process.env.BENCH_APP)
  setupWorker(new Server(createApp()))
  sayReady()
}
