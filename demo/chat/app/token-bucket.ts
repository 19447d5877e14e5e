// Limits how often a client may act: a burst at once, then a steady rate.

/**
 * @param burst - number of actions at once
 * @param perSecond - number of actions per second after the burst
 * @param now - returns the time in milliseconds
 * @returns a function that takes one token and returns 0, or the milliseconds until the next token
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
