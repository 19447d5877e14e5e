// Starts the workers of stickyListen by cluster.fork(), for programs that use `cluster.worker`, `cluster.workers` and
// the events of node:cluster.
import type { ChildProcess } from 'node:child_process'
import cluster, { type Worker } from 'node:cluster'
import { stdioOf, type Forking } from '../supervisor/fork.ts'

const workers = new WeakMap<ChildProcess, Worker>()

export const clusterForking: Forking = {
  fork({ exec, args, cwd, execArgv, env, serialization, inherit }) {
    const { settings } = cluster
    const stdio = stdioOf(inherit)
    cluster.setupPrimary({ exec, args, cwd, execArgv: [...execArgv], serialization, stdio })
    try {
      const worker = cluster.fork({ ...unset(process.env), ...env })
      workers.set(worker.process, worker)
      return worker.process
    } finally {
      // The application may fork processes of its own, and the inherited descriptors are for this child only.
      Object.assign(cluster, { settings })
    }
  },
  isShared: true,
  // setupPrimary() of Socket.IO's cluster adapter marks a worker at its first message, before Holdfast reads that
  // message.
  relays: (child) =>
    Object.getOwnPropertySymbols(workers.get(child) ?? {}).some(({ description }) => description === 'uids'),
  readyHint: () => 'the program must call listen() in its workers too',
}

/**
 * Sets every variable to undefined: cluster.fork() adds `env` to the environment of this process, and leaves these out.
 */
function unset(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.keys(env).map((name) => [name, undefined]))
}
