import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import t from 'tap'
import { staticFiles } from '../../../../demo/chat/app/static-files.ts'

const folder = new URL('../../../../../demo/chat/public/', import.meta.url)

async function serve(t: { teardown(end: () => void): unknown }): Promise<number> {
  const server = http.createServer(staticFiles(folder)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as net.AddressInfo).port
}

/** Requests the path exactly as it is written; fetch() would normalise it. */
async function get(port: number, target: string): Promise<string> {
  const socket = net.connect(port, '127.0.0.1')
  socket.end(`GET ${target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n`)
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

t.test('files come with their type and a policy that lets in no foreign script', async (t) => {
  const url = `http://127.0.0.1:${await serve(t)}`
  for (const [path, type] of [
    ['/', 'text/html'],
    ['/index.html?x', 'text/html'],
    ['/main.js', 'text/javascript'],
    ['/base.css', 'text/css'],
  ] as const) {
    const { status, headers } = await fetch(url + path)
    t.equal(status, 200)
    t.match(headers.get('content-type'), type)
    t.match(headers.get('content-security-policy'), "script-src 'self'")
    t.equal(headers.get('x-content-type-options'), 'nosniff')
  }
  const { headers } = await fetch(url)
  const again = await fetch(url, { headers: { 'If-None-Match': headers.get('etag')! } })
  t.equal(again.status, 304)
  t.equal((await fetch(url, { method: 'POST' })).status, 405)
})

t.test('no path leads out of the folder', async (t) => {
  const port = await serve(t)
  for (const path of [
    '/../server.ts',
    '/..%2fserver.ts',
    '/%2e%2e/server.ts',
    '//etc/passwd',
    '/./main.js',
    '/__proto__',
    '/constructor',
    'http://other/main.js',
    '/main.js%00.css',
  ]) {
    t.match(await get(port, path), /^HTTP\/1\.1 404 /, path)
  }
})
