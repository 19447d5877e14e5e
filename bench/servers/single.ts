// One plain Node process; with BENCH_REUSE_PORT=1 it shares the port with others like it.
import { createApp, sayReady } from '../support/app.ts'
import { reusePortSocket } from '../support/reuse-port.ts'

const port = Number(process.env['BENCH_PORT'])
const backlog = 4096
// listen() takes no backlog with a descriptor in its options, so the backlog is an argument.
if (process.env['BENCH_REUSE_PORT'] === '1') createApp().listen({ fd: reusePortSocket(port) }, backlog, sayReady)
else createApp().listen({ port, backlog }, sayReady)
