// The proxies between the browser and the balancer. Both send the requests of all clients over a few shared
// connections, and do not name the client.
import type { Scope } from '../support/balancer.ts'
import { freePort } from '../support/clients.ts'
import { startHaproxy, startNginxHttp } from '../support/proxies.ts'

export interface Way {
  name: 'direct' | 'nginx' | 'haproxy'
  title: string
  /** @returns the port for the browser */
  open(scope: Scope, port: number): Promise<number>
}

export const WAYS: readonly Way[] = [
  { name: 'direct', title: 'straight to the port', open: async (_scope, port) => port },
  {
    name: 'nginx',
    title: 'through nginx with pooled upstream connections',
    async open(scope, port) {
      const front = await freePort()
      await startNginxHttp(
        scope,
        front,
        `upstream app { server 127.0.0.1:${port}; keepalive 8; }
map $http_upgrade $connection_header { default upgrade; '' ''; }
server {
  listen 127.0.0.1:${front};
  location / {
    proxy_pass http://app;
    proxy_http_version 1.1;
    proxy_set_header Host $http_host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_header;
    proxy_read_timeout 60s;
  }
}`,
      )
      return front
    },
  },
  {
    name: 'haproxy',
    title: 'through HAProxy in http mode, which hides the address and reuses connections',
    async open(scope, port) {
      const front = await freePort()
      await startHaproxy(
        scope,
        [front],
        () => `listen app
  mode http
  bind 127.0.0.1:${front}
  http-reuse always
  server app 127.0.0.1:${port}`,
      )
      return front
    },
  },
]
