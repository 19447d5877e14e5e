// Holdfast, with the steering that BENCH_STEERING names.
import { stickyListen, StickyError, type StickyOptions } from 'holdfast'
import { createApp, sayReady } from '../support/app.ts'

/** Exit code: this machine or this version cannot do it. */
const NOT_AVAILABLE = 3

try {
  const sticky = stickyListen(createApp, {
    port: Number(process.env['BENCH_PORT']),
    workers: Number(process.env['BENCH_WORKERS']),
    standby: Number(process.env['BENCH_STANDBY']),
    // The bench kills healthy workers, so the restart delay for a crash at the start must not apply.
    restart: { stableAfter: 1, maxCrashesPerMinute: 1_000 },
    ...(process.env['BENCH_SESSIONS'] === '1' ? { session: { header: 'x-session' } } : {}),
    steering: process.env['BENCH_STEERING'] as NonNullable<StickyOptions['steering']>,
    logger: false,
  })
  await sticky.ready
  if (sticky.role === 'worker') sayReady()
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exit(error instanceof StickyError && error.code === 'HOLDFAST_KERNEL_STEERING' ? NOT_AVAILABLE : 1)
}
