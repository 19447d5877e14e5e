// Holdfast as its README shows it: the package as it is published where BENCH_BUNDLE is its address, else as tsc wrote it.
import type * as Holdfast from 'holdfast'
import { hello, sayReady } from '../support/hello.ts'

const { stickyListen } = (await import(process.env['BENCH_BUNDLE'] ?? 'holdfast')) as typeof Holdfast

const sticky = stickyListen(hello, {
  port: Number(process.env['BENCH_PORT']),
  workers: Number(process.env['BENCH_WORKERS']),
  logger: false,
})
await sticky.ready
if (sticky.role === 'worker') sayReady()
