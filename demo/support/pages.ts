// Serves the page of a demo: its files, the shared files, and the addresses under which this machine is another client.
import express, { type Router } from 'express'
import { fileURLToPath } from 'node:url'
import { addressOf, otherHosts } from './same-machine.ts'
import { contentSecurityPolicy } from './policy.ts'

/** @param demo - name of the demo's folder */
export function pages(demo: string): Router {
  const router = express.Router()
  router.use((_, response, next) => {
    response.set({ 'Content-Security-Policy': contentSecurityPolicy, 'X-Content-Type-Options': 'nosniff' })
    next()
  })
  for (const folder of [demo, 'support']) router.use(express.static(publicFolder(folder)))
  router.get('/client', (request, response) => {
    response.json({ address: addressOf(request), otherHosts: otherHosts(request) })
  })
  return router
}

/** The folder is beside the source; the path starts at the compiled file. */
function publicFolder(demo: string): string {
  return fileURLToPath(new URL(`../../../demo/${demo}/public/`, import.meta.url))
}
