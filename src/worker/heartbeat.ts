// Signs of life: what this worker tells of itself, once per interval.
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Server } from 'node:net'
import type { Heartbeat } from '../ipc/messages.ts'

/** Samples of the loop's delay within an interval; each one wakes the process up. */
const SAMPLES = 10

/**
 * @param interval - milliseconds
 * @param counts - of the requests so far, and of the connections taken
 * @returns sends one more at once
 */
export function startHeartbeats(
  server: Server,
  interval: number,
  counts: () => Pick<Heartbeat, 'served' | 'requests'>,
  send: (beat: Heartbeat) => void,
): () => void {
  const resolution = Math.max(1, Math.round(interval / SAMPLES))
  const delay = monitorEventLoopDelay({ resolution })
  delay.enable()
  let memory = { rss: 0, heapUsed: 0 }
  const beat = (): void => {
    // The histogram has nanoseconds, and each sample the time that was asked for with it.
    const lag = Math.max(0, Math.round(delay.max / 1e6) - resolution)
    delay.reset()
    memory = memoryNow() ?? memory
    server.getConnections((_error, connections) => send({ lag, ...memory, cpu: cpuNow(), connections, ...counts() }))
  }
  setInterval(beat, interval).unref()
  return beat
}

function cpuNow(): number {
  const { user, system } = process.cpuUsage()
  return Math.round((user + system) / 1_000)
}

/** undefined without a descriptor left: on Linux the resident memory is read from a file, and Node throws. */
function memoryNow(): Pick<Heartbeat, 'rss' | 'heapUsed'> | undefined {
  try {
    const { rss, heapUsed } = process.memoryUsage()
    return { rss, heapUsed }
  } catch {
    return undefined // what was known before will do
  }
}
