// Random numbers that a seed repeats.

/** Returns a number from 0 to 1, without 1. */
export type Random = () => number

/** mulberry32, a small generator that is random enough for tests. */
export function random(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let x = Math.imul(state ^ (state >>> 15), state | 1)
    x = (x + Math.imul(x ^ (x >>> 7), x | 61)) ^ x
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}
