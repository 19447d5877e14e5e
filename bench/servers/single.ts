// One plain Node process; with BENCH_REUSE_PORT=1 it shares the port with others like it.
import { createApp, sayReady } from '../support/app.ts'
import { reusePortSocket } from '../support/reuse-port.ts'

const port = Number(process.env['BENCH_PORT'])
const where = process.env['BENCH_REUSE_PORT'] === '1' ? { fd: reusePortSocket(port) } : { port }
createApp().listen({ ...where, backlog: 4096 }, sayReady)
