// The least http application, for what a start costs: whatever else a process loads is then the balancer's.
import { createServer, type Server } from 'node:http'

export function hello(): Server {
  return createServer((_request, response) => response.end('hello\n'))
}

/** Tells the bench that this process serves. */
export function sayReady(): void {
  process.stdout.write('ready\n')
}

/** Serves it behind Holdfast, with the port and the number of workers of the environment. */
export async function serveHello(stickyListen: typeof import('holdfast').stickyListen): Promise<void> {
  const port = Number(process.env['BENCH_PORT'])
  const sticky = stickyListen(hello, { port, workers: Number(process.env['BENCH_WORKERS']), logger: false })
  await sticky.ready
  if (sticky.role === 'worker') sayReady()
}
