// Holdfast with one file per module, as tsc compiles it; 'holdfast' itself is the bundle while `npm run bench` runs.
import { hello, sayReady } from '../support/hello.ts'

const { stickyListen } = (await import(
  new URL('../../src/index.js', import.meta.url).href
)) as typeof import('holdfast')

const sticky = stickyListen(hello, {
  port: Number(process.env['BENCH_PORT']),
  workers: Number(process.env['BENCH_WORKERS']),
  logger: false,
})
await sticky.ready
if (sticky.role === 'worker') sayReady()
