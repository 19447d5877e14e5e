// Holdfast as its README shows it.
import { stickyListen } from 'holdfast'
import { hello, sayReady } from '../support/hello.ts'

const sticky = stickyListen(hello, {
  port: Number(process.env['BENCH_PORT']),
  workers: Number(process.env['BENCH_WORKERS']),
  logger: false,
})
await sticky.ready
if (sticky.role === 'worker') sayReady()
