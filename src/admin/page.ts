// The files of the admin page, read once, when somebody asks.
import { readFileSync } from 'node:fs'

export interface PageFile {
  type: string
  body: Buffer
  headers: Record<string, string>
}

const FILES: Readonly<Record<string, [name: string, type: string]>> = {
  '/': ['index.html', 'text/html; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
}

/** It loads and asks nothing but its own, and nobody shows it inside a page of theirs. */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

const read = new Map<string, Buffer>()

/** @returns undefined where there is none */
export function pageFile(path: string): PageFile | undefined {
  const [name, type] = (Object.hasOwn(FILES, path) ? FILES[path] : undefined) ?? []
  if (name === undefined || type === undefined) return undefined
  let body = read.get(name)
  // Beside the source, which the package contains: from the compiled file.
  if (body === undefined) {
    body = readFileSync(new URL(`../../../src/admin/page/${name}`, import.meta.url))
    read.set(name, body)
  }
  return { type, body, headers: { 'content-security-policy': POLICY } }
}
