// node:cluster as its documentation shows it.
import cluster from 'node:cluster'
import { hello, sayReady } from '../support/hello.ts'

if (cluster.isPrimary) for (let i = Number(process.env['BENCH_WORKERS']); i > 0; i--) cluster.fork()
else hello().listen({ port: Number(process.env['BENCH_PORT']) }, sayReady)
