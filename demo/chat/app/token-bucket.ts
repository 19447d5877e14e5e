// How often somebody may do something: a burst at once, then a steady rate.

/**
 * @param burst - how many at once
 * @param perSecond - how many per second after that
 * @param now - milliseconds
 * @returns takes one: 0 if it may be done, else the milliseconds to wait
 */
export function tokenBucket(burst: number, perSecond: number, now = () => performance.now()): () => number {
  let tokens = burst
  let at = now()
  return () => {
    const time = now()
    tokens = Math.min(burst, tokens + ((time - at) / 1_000) * perSecond)
    at = time
    if (tokens < 1) return Math.ceil(((1 - tokens) / perSecond) * 1_000)
    tokens--
    return 0
  }
}
