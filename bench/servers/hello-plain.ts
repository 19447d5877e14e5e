// An http server as it comes: one plain process, or the program that PM2 starts.
import { hello, sayReady } from '../support/hello.ts'

hello().listen({ port: Number(process.env['BENCH_PORT']) }, sayReady)
