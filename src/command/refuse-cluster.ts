// A program that starts workers of its own by node:cluster cannot run under the command: its primary would be a worker here.
import type { Cluster } from 'node:cluster'
import type { Server } from 'node:net'
import { StickyError } from '../errors.ts'

/**
 * Throws where node:cluster listens on behalf of workers that the program has started. node:cluster takes the connections of
 * this server from its handle, and a connection that reaches it in another way ends the process.
 *
 * @throws StickyError HOLDFAST_IN_NODE_CLUSTER
 */
export function refuseCluster(server: Server): void {
  const [listener] = server.listeners('connection')
  // The one listener of that server is Node's internal function `fail`. Only then node:cluster is loaded already.
  if (listener?.name !== 'fail') return
  const { workers } = process.getBuiltinModule('node:cluster') as unknown as Cluster
  if (Object.keys(workers ?? {}).length === 0) return
  const hint = 'the program starts workers by cluster.fork(); take that out, the command starts the workers itself'
  throw new StickyError('HOLDFAST_IN_NODE_CLUSTER', hint)
}
