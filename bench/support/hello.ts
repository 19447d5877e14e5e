// The least http application, for what a start costs: whatever else a process loads is then the balancer's.
import { createServer, type Server } from 'node:http'

export function hello(): Server {
  return createServer((_request, response) => response.end('hello\n'))
}

/** Tells the bench that this process serves. */
export function sayReady(): void {
  process.stdout.write('ready\n')
}
