// node:cluster with its defaults: round robin. A worker that has ended is forked again.
import cluster from 'node:cluster'
import { createApp, sayReady } from '../support/app.ts'

if (cluster.isPrimary) {
  for (let i = Number(process.env['BENCH_WORKERS']); i > 0; i--) cluster.fork()
  cluster.on('exit', () => cluster.fork())
} else {
  createApp().listen({ port: Number(process.env['BENCH_PORT']), backlog: 4096 }, sayReady)
}
