// The heartbeats of a worker: once per interval it sends the primary its event loop lag, memory, CPU time and counts.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Heartbeat } from '../ipc/messages.ts'

/** Samples of the event loop's delay per interval. Each sample wakes the process. */
const SAMPLES = 10

/**
 * Sends heartbeats until the process ends; they do not keep it running.
 *
 * @param countConnections - calls back with the number of open connections
 * @param interval - milliseconds
 * @param counts - returns the connections and requests so far
 * @returns sends one more heartbeat at once
 */
export function startHeartbeats(
  countConnections: (onCount: (error: unknown, connections: number) => void) => void,
  interval: number,
  counts: () => Pick<Heartbeat, 'served' | 'requests'>,
  send: (heartbeat: Heartbeat) => void,
): () => void {
  const resolution = Math.max(1, Math.round(interval / SAMPLES))
  const delay = monitorEventLoopDelay({ resolution })
  delay.enable()
  let memory = { rss: 0, heapUsed: 0 }
  const sendHeartbeat = (): void => {
    // The histogram has nanoseconds, and counts the resolution in.
    const lag = Math.max(0, Math.round(delay.max / 1e6) - resolution)
    delay.reset()
    memory = memoryUsage() ?? memory
    countConnections((_error, connections) => send({ lag, ...memory, cpu: cpuTime(), connections, ...counts() }))
  }
  setInterval(sendHeartbeat, interval).unref()
  return sendHeartbeat
}

/** Milliseconds since the process started. */
function cpuTime(): number {
  const { user, system } = process.cpuUsage()
  return Math.round((user + system) / 1_000)
}

/** @returns undefined where no descriptor is left: Linux reports the resident memory in a file, and Node throws */
function memoryUsage(): Pick<Heartbeat, 'rss' | 'heapUsed'> | undefined {
  try {
    const { rss, heapUsed } = process.memoryUsage()
    return { rss, heapUsed }
  } catch {
    return undefined // the caller sends the last known values
  }
}
