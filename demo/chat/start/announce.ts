// What the primary prints: where to go, who serves, and later who came and went.
import type { PrimarySticky } from 'holdfast'

/** @param redis - REDIS_URL, or 'private' for our own */
export function announce(sticky: PrimarySticky, redis: string | undefined): void {
  const { address, workers } = sticky.status()
  // Not `localhost`: a browser may take either address for it, and so be two clients.
  const hosts = address?.family === 'IPv6' ? ['127.0.0.1', '::1'] : ['127.0.0.1']
  const urls = hosts.map((host) => {
    const url = `http://${host.includes(':') ? `[${host}]` : host}:${address?.port}`
    return `${url.padEnd(24)} is served by worker ${sticky.explain(host).worker}`
  })
  console.log(`
  Holdfast chat

  Open       ${urls.join('\n  or         ')}
  Workers    ${workers.map(({ id, pid }) => `${id} (pid ${pid})`).join(', ')}
  Backplane  ${describeBackplane(redis)}

  Ctrl-C stops it.
`)
  sticky.on('worker:exit', ({ id, pid, code, signal }) => {
    if (code !== 0) console.log(`Worker ${id} (pid ${pid}) has ended: ${signal ?? `exit code ${code}`}.`)
  })
  sticky.on('worker:ready', ({ id, pid }) => console.log(`Worker ${id} is back (pid ${pid}).`))
}

function describeBackplane(redis: string | undefined): string {
  if (!redis) return 'Node IPC, relayed by the primary (REDIS_URL is not set)'
  if (redis === 'private') return 'Redis, a private one for this demo'
  return `Redis at ${withoutSecrets(redis)} (REDIS_URL)`
}

function withoutSecrets(url: string): string {
  return URL.canParse(url) ? new URL(url).host || url : url
}
