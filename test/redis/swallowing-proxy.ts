// A proxy to Redis that stops carrying data without closing connections, as a firewall does that has dropped their state.
import { once } from 'node:events'
import net from 'node:net'
import type { Test } from 'tap'

export interface SwallowingProxy {
  port: number
  /** From now on the connections that exist carry nothing; later ones carry data. */
  swallow(): void
}

/** @param path - of the Unix socket of Redis */
export async function swallowingProxy(t: Test, path: string): Promise<SwallowingProxy> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer((client) => {
    const upstream = net.connect(path)
    for (const socket of [client, upstream]) sockets.add(socket.on('error', () => {}))
    client.pipe(upstream).pipe(client)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    port: (server.address() as net.AddressInfo).port,
    swallow() {
      for (const socket of sockets) socket.unpipe().pause()
    },
  }
}
