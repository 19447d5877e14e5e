// One plain Node process; with BENCH_REUSE_PORT=1 it shares the port with others like it.
import type { ListenOptions } from 'node:net'
import { createApp, sayReady } from '../support/app.ts'

const shared = process.env['BENCH_REUSE_PORT'] === '1'
// @types/node 20 does not know the option, which came with 22.12.
const options = { port: Number(process.env['BENCH_PORT']), backlog: 4096, reusePort: shared } as ListenOptions
createApp().listen(options, sayReady)
