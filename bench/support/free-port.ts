// Finds a port for a server, below the range of ports that the load generator's connections use.
import { createServer } from 'node:net'

export async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer()
    server.once('error', () => done(false))
    server.listen({ port, host: '::', exclusive: true }, () => server.close(() => done(true)))
  })
}
