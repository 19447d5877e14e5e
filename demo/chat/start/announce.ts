// What the primary prints: the addresses and the workers, and later each worker that ends or comes back.
import type { Balance, Sticky } from 'holdfast'
import { redisPlace } from '../../support/redis-place.ts'
import { tellOfWorkers } from '../../support/tell-of-workers.ts'

/**
 * @param balance - how a new connection gets its worker
 * @param redis - REDIS_URL, or 'private' for the demo's own Redis
 */
export function announce(sticky: Sticky, balance: Balance, redis: string | undefined): void {
  const address = sticky.address()
  // Not `localhost`: a browser may use either address for that name, and so be two clients.
  const hosts = address?.family === 'IPv6' ? ['127.0.0.1', '::1'] : ['127.0.0.1']
  const urls = hosts.map((host) => {
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${address?.port}`
    return sticky.role === 'worker' || balance !== 'address'
      ? url
      : `${url.padEnd(24)} is served by worker ${sticky.explain(host).worker}`
  })
  console.log(`
  Holdfast chat

  Open       ${urls.join('\n  or         ')}
  Workers    ${describeWorkers(sticky)}
  Tabs       ${describeBalance(balance)}
  Backplane  ${describeBackplane(sticky, redis)}
  Admin      ${describeAdmin(sticky)}

  Ctrl-C stops it.
`)
  if (sticky.role === 'primary') tellOfWorkers(sticky)
}

function describeWorkers(sticky: Sticky): string {
  if (sticky.role === 'worker') return `none; this process serves (pid ${process.pid})`
  return sticky
    .status()
    .workers.map(({ id, pid }) => `${id} (pid ${pid})`)
    .join(', ')
}

function describeBalance(balance: Balance): string {
  if (balance === 'address') return 'go to the worker of their address, unless they ask for another'
  return `go anywhere (${balance}), and their requests to the worker of their session`
}

function describeAdmin(sticky: Sticky): string {
  const admin = sticky.role === 'primary' ? sticky.status().admin : null
  return admin === null ? 'none' : `http://${admin.address}:${admin.port}/`
}

function describeBackplane({ role }: Sticky, redis: string | undefined): string {
  if (!redis && role === 'worker') return 'none, there is only this process (REDIS_URL is not set)'
  if (!redis) return 'Node IPC, relayed by the primary (REDIS_URL is not set)'
  return `Redis${redis === 'private' ? ',' : ''} ${redisPlace(redis)}`
}
