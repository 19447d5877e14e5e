// Kernel steering: the kernel itself picks the worker's socket, and explain() names the same worker for every client.
import { createServer } from 'node:http'
import { stickyListen, type PrimarySticky, type Sticky, type StickyOptions } from 'holdfast'
import { announce } from '../support/announce.ts'
import { inBothRoles, listenSomewhere } from '../support/run.ts'
import { showClients, showQueues } from './show.ts'

const about = {
  name: 'kernel',
  shows: 'The Linux kernel picks the worker of each client, and what waits for a worker waits in the kernel.',
  minWorkers: 1,
}

await inBothRoles(about, listen, async (flags) => {
  const sticky = (await listenSomewhere(flags, listen)) as PrimarySticky
  const { name, reason, transport } = sticky.status().steering
  await announce(about, sticky, {
    facts: { Steering: `${name}: ${reason}`, Transport: transport },
    async show() {
      await showClients(sticky)
      await showQueues(sticky)
    },
    tries: (url) => [
      'One more client:',
      `  curl ${url} --interface 127.9.9.9`,
      'Without system calls it is hand-off, with the same workers:',
      '  HOLDFAST_NATIVE=0 npm run demo:kernel',
    ],
  })
})

function listen(options: StickyOptions): Sticky {
  const sticky = stickyListen(
    () =>
      createServer(({ socket }, response) => {
        const address = socket.remoteAddress?.replace('::ffff:', '')
        response.setHeader('Content-Type', 'application/json')
        response.end(`${JSON.stringify({ worker: sticky.id, pid: process.pid, address })}\n`)
      }),
    // 'auto' uses kernel steering where the kernel can do it; with 'kernel' the demo would fail elsewhere.
    { ...options, steering: 'auto' },
  )
  return sticky
}
