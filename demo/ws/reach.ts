// Whether this worker reaches the other workers now. While it does not, a client enters a room without waiting.
import { setTimeout as pause } from 'node:timers/promises'
import type { Bus } from 'holdfast/broadcast'

/** Milliseconds between two reads of the bus' status. */
const INTERVAL = 500
/** Longest wait for the other workers in milliseconds. Redis may hang before the bus notices. */
const MAX_WAIT = 500

export interface Reach {
  /** Whether the bus was connected at the last check. */
  readonly isThere: boolean
  /**
   * Resolves when messages from all workers arrive in the rooms joined so far; after a short wait if that is
   * impossible.
   */
  settled(): Promise<void>
}

/** @param changed - called when the bus connects or disconnects */
export function watchReach(bus: Bus, changed: (isThere: boolean) => void): Reach {
  // A bus connects at its first use. This use makes it connect before the first client enters a room.
  bus.ready().catch(ignoreClosed)
  let isThere = true
  setInterval(() => {
    const { connected } = bus.status()
    if (connected === isThere) return
    isThere = connected
    changed(isThere)
  }, INTERVAL).unref()
  return {
    get isThere() {
      return isThere
    },
    async settled() {
      if (!isThere) return
      await Promise.race([bus.ready().catch(ignoreClosed), pause(MAX_WAIT, undefined, { ref: false })])
    },
  }
}

/** The bus is closed, so this worker is finishing. */
function ignoreClosed(): void {}
