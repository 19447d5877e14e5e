// Workers of stickyListen that are workers of node:cluster, too: for programs that look at `cluster.worker`, at
// `cluster.workers`, and listen to cluster's events.
import type { ChildProcess } from 'node:child_process'
import cluster, { type Worker } from 'node:cluster'
import { stdioOf, type Forking } from '../supervisor/fork.ts'

const workers = new WeakMap<ChildProcess, Worker>()

export const clusterForking: Forking = {
  fork({ exec, args, execArgv, env, serialization, inherit }) {
    const { settings } = cluster
    const stdio = stdioOf(inherit)
    cluster.setupPrimary({ exec, args, execArgv: [...execArgv], serialization, stdio })
    try {
      const worker = cluster.fork({ ...nothingOf(process.env), ...env })
      workers.set(worker.process, worker)
      return worker.process
    } finally {
      // The application may fork for itself, and these descriptors are for one child.
      Object.assign(cluster, { settings })
    }
  },
  isShared: true,
  // The adapter's own set-up marks each worker that it heard of, and it hears of a message first.
  relays: (child) =>
    Object.getOwnPropertySymbols(workers.get(child) ?? {}).some(({ description }) => description === 'uids'),
}

/** cluster.fork() adds to the environment of this process; what is undefined is left out of it. */
function nothingOf(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.keys(env).map((name) => [name, undefined]))
}
