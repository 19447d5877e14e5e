// Prints each worker that ends, is new or comes back.
import type { PrimarySticky } from 'holdfast'

export function tellOfWorkers(sticky: Pick<PrimarySticky, 'on' | 'status'>): void {
  sticky.on('worker:exit', ({ id, pid, code, signal }) => {
    if (code !== 0) console.log(`Worker ${id} (pid ${pid}) has ended: ${signal ?? `exit code ${code}`}.`)
  })
  sticky.on('worker:ready', ({ id, pid }) => {
    // A worker of a larger number has had no process before; one that was scaled away counts as new later.
    const isNew = sticky.status().workers.find((worker) => worker.id === id)?.restarts === 0
    console.log(`Worker ${id} is ${isNew ? 'new' : 'back'} (pid ${pid}).`)
  })
}
