// Serves the page's files. They are read once, so a path in a request can never reach another file.
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import { extname } from 'node:path'
import { contentSecurityPolicy } from '../../support/policy.ts'

interface File {
  body: Buffer
  headers: Record<string, string>
}

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

/** @param folder - the folder; its URL ends with a slash */
export function staticFiles(folder: URL): RequestListener {
  const files = new Map<string, File>()
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const type = types[extname(name)]
    if (type !== undefined) files.set(`/${name.replaceAll('\\', '/')}`, read(new URL(name, folder), type))
  }
  return ({ method, url, headers }, response) => {
    const path = (url ?? '/').replace(/[?#].*$/s, '')
    const file = files.get(path === '/' ? '/index.html' : path)
    if (file === undefined) {
      response.writeHead(404, plain).end('There is no such page.\n')
    } else if (method !== 'GET' && method !== 'HEAD') {
      response.writeHead(405, { ...plain, Allow: 'GET, HEAD' }).end('This page can only be read.\n')
    } else if (headers['if-none-match'] === file.headers['ETag']) {
      response.writeHead(304, file.headers).end()
    } else {
      response.writeHead(200, { ...file.headers, 'Content-Length': file.body.length })
      response.end(method === 'HEAD' ? undefined : file.body)
    }
  }
}

const guards = {
  'Content-Security-Policy': contentSecurityPolicy,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
}
const plain = { ...guards, 'Content-Type': 'text/plain; charset=utf-8' }

function read(url: URL, type: string): File {
  const body = readFileSync(url)
  const tag = createHash('sha256').update(body).digest('base64url').slice(0, 16)
  return { body, headers: { ...guards, 'Content-Type': type, 'Cache-Control': 'no-cache', ETag: `"${tag}"` } }
}
