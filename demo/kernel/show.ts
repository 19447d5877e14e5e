// Shows the worker of each client, and the queue in which connections wait while their worker does not accept.
import type { PrimarySticky } from 'holdfast'
import { table } from '../support/table.ts'
import { visit } from '../support/visit.ts'

const ADDRESSES = Array.from({ length: 8 }, (_, n) => `127.0.0.${n + 1}`)

/** Number of clients that connect while a worker is stopped. */
const WAITING = 3
/** Milliseconds between two reads of the queues. */
const INTERVAL = 20

/** Prints for each address the worker that explain() names and the worker that answers. */
export async function showClients(sticky: PrimarySticky): Promise<void> {
  const { port = 0, family } = sticky.address() ?? {}
  const rows = [['client', 'key', 'slot', 'explain()', 'served by']]
  for (const from of family === 'IPv6' ? [...ADDRESSES, '::1'] : ADDRESSES) {
    const { key, slot, worker } = sticky.explain(from)
    const served = await visit(port, from).then(
      (reply) => `worker ${reply.worker}`,
      (error: Error) => error.message,
    )
    rows.push([from, key.toString('hex'), String(slot), `worker ${worker}`, served])
  }
  console.log(`${table(rows)}\n`)
}

/** Stops a worker for a moment. New clients of this worker wait: none is refused, lost or served by another worker. */
export async function showQueues(sticky: PrimarySticky): Promise<void> {
  const port = sticky.address()?.port ?? 0
  const [from = ''] = ADDRESSES
  const { worker, slot } = sticky.explain(from)
  const pid = sticky.status().workers[worker]?.pid ?? undefined
  if (pid === undefined) return
  process.kill(pid, 'SIGSTOP')
  const visits = Promise.all(Array.from({ length: WAITING }, () => visit(port, from)))
  try {
    console.log(`  Worker ${worker} is stopped for a moment, and ${WAITING} clients from ${from} come.`)
    while (waiting(sticky, worker) < WAITING) await new Promise((done) => setTimeout(done, INTERVAL))
    console.log(`  ${where(sticky, worker, slot)}`)
  } finally {
    process.kill(pid, 'SIGCONT')
  }
  const served = await visits
  console.log(
    `  It goes on, and ${served.filter((reply) => reply.pid === pid).length} of ${WAITING} are served by it.\n`,
  )
}

/** Number of waiting connections, in the kernel's queues or, without kernel steering, in the primary. */
function waiting(sticky: PrimarySticky, worker: number): number {
  const { queues, workers } = sticky.status()
  return queues?.reduce((sum, queued) => sum + queued, 0) ?? workers[worker]?.pending ?? 0
}

function where(sticky: PrimarySticky, worker: number, slot: number): string {
  const { queues } = sticky.status()
  return queues === undefined
    ? `status().workers[${worker}].pending: ${waiting(sticky, worker)}; the primary holds them.`
    : `status().queues[${slot}]: ${queues[slot]}; they wait in the kernel, on the socket of their slot.`
}
