// Holdfast behind HAProxy: the PROXY protocol gives the client's address to Holdfast and to the application.
import { createServer } from 'node:http'
import { proxyOf, stickyListen, type Sticky, type StickyOptions } from 'holdfast'
import { announce } from '../support/announce.ts'
import { inBothRoles, listenSomewhere } from '../support/run.ts'
import { table } from '../support/table.ts'
import { visit } from '../support/visit.ts'
import { haproxyVersion, startHaproxy } from './haproxy.ts'

const about = {
  name: 'haproxy',
  shows: 'Behind HAProxy, which sends the PROXY protocol 2: the client keeps its address.',
}

await inBothRoles(about, listen, async (flags) => {
  const version = await haproxyVersion()
  const sticky = await listenSomewhere({ ...flags, port: 0, fixedPort: true }, listen)
  const behind = sticky.address()?.port ?? 0
  const { port, haproxy } = await startHaproxy(flags, behind)
  await announce(about, sticky, {
    port,
    facts: { HAProxy: `${version} (pid ${haproxy.pid}), which connects to 127.0.0.1:${behind}, send-proxy-v2` },
    show: () => showClients(sticky, port),
    tries: (url) => [
      'One more client:',
      `  curl ${url} --interface 127.0.0.7`,
      'Past HAProxy, so without the header, the connection is closed:',
      `  curl http://127.0.0.1:${behind}`,
    ],
  })
})

/** An ordinary application: only proxyOf() shows that HAProxy is in front of it. */
function listen(options: StickyOptions): Sticky {
  const sticky = stickyListen(
    () =>
      createServer(({ socket }, response) => {
        const { remoteAddress: address, remotePort: port } = socket
        const proxy = proxyOf(socket)
        response.setHeader('Content-Type', 'application/json')
        response.end(
          `${JSON.stringify({ worker: sticky.id, pid: process.pid, address, port, proxyOf: proxy }, null, 2)}\n`,
        )
      }),
    { ...options, host: '127.0.0.1', proxyProtocol: { trust: ['127.0.0.0/8', '::1'] } },
  )
  return sticky
}

async function showClients(sticky: Sticky, port: number): Promise<void> {
  const rows = [['client', 'remoteAddress', 'served by', 'explain()']]
  for (const from of ['127.0.0.1', '127.0.0.2', '127.0.0.3', '127.0.0.4']) {
    const reply = await visit(port, from).catch((error: Error) => error.message)
    const expected = sticky.role === 'primary' ? `worker ${sticky.explain(from).worker}` : 'there are no workers'
    rows.push(typeof reply === 'string' ? [from, reply] : [from, reply.address, `worker ${reply.worker}`, expected])
  }
  console.log(`  Through HAProxy, just now:\n\n${table(rows)}\n`)
}
