// Whether this worker reaches the others now. Nobody who enters a room waits for as long as it does not.
import { setTimeout as pause } from 'node:timers/promises'
import type { Bus } from 'holdfast/broadcast'

/** Milliseconds between two looks. */
const PACE = 500
/** Milliseconds that somebody may wait for the others. Redis may hang, and the bus does not know it yet. */
const PATIENCE = 500

export interface Reach {
  /** As it was at the last look. */
  readonly isThere: boolean
  /** Resolves when what was joined so far is heard from everywhere; soon, where that cannot be had. */
  settled(): Promise<void>
}

/** @param changed - it is another one than before */
export function watchReach(bus: Bus, changed: (isThere: boolean) => void): Reach {
  // It connects when it is first used: before the first visitor comes, who would else be told that nobody is there.
  bus.ready().catch(toldByStatus)
  let isThere = true
  setInterval(() => {
    const { connected } = bus.status()
    if (connected === isThere) return
    isThere = connected
    changed(isThere)
  }, PACE).unref()
  return {
    get isThere() {
      return isThere
    },
    async settled() {
      if (!isThere) return
      await Promise.race([bus.ready().catch(toldByStatus), pause(PATIENCE, undefined, { ref: false })])
    },
  }
}

/** The bus is closed, so this worker is finishing. */
function toldByStatus(): void {}
