// Other ways to map a hash to a worker, for the comparison: each makes a lookup from a list of workers.
import { fingerprint32 } from '../../src/slots/hash.ts'

/** hash -> worker id */
export type Lookup = (hash: number) => number

export interface Rival {
  label: string
  /** Whether any worker can leave, or only the last one. */
  anyCanLeave: boolean
  of(workers: readonly number[]): Lookup
}

const VNODES = 100
/** A prime well above 100 times the workers, as the paper advises. */
const MAGLEV_SIZE = 65_537

export const RIVALS: readonly Rival[] = [
  { label: 'modulo', anyCanLeave: true, of: modulo },
  { label: `ring, ${VNODES} points each`, anyCanLeave: true, of: ring },
  { label: `Maglev, ${MAGLEV_SIZE} entries`, anyCanLeave: true, of: maglev },
  { label: 'jump hash', anyCanLeave: false, of: jump },
]

function modulo(workers: readonly number[]): Lookup {
  return (hash) => workers[hash % workers.length]!
}

/** Karger et al., Consistent Hashing and Random Trees, 1997. */
function ring(workers: readonly number[]): Lookup {
  const points = workers.flatMap((worker) =>
    Array.from({ length: VNODES }, (_, i) => ({
      worker,
      at: fingerprint32(Buffer.from(`worker ${worker}, point ${i}`)),
    })),
  )
  points.sort((a, b) => a.at - b.at)
  return (hash) => {
    let low = 0
    for (let high = points.length; low < high;) {
      const middle = (low + high) >> 1
      if (points[middle]!.at < hash) low = middle + 1
      else high = middle
    }
    return points[low % points.length]!.worker
  }
}

/** Eisenbud et al., Maglev: A Fast and Reliable Software Network Load Balancer, 2016, section 3.4. */
function maglev(workers: readonly number[]): Lookup {
  const permutations = workers.map((worker) => ({
    worker,
    at: fingerprint32(Buffer.from(`offset ${worker}`)) % MAGLEV_SIZE,
    skip: (fingerprint32(Buffer.from(`skip ${worker}`)) % (MAGLEV_SIZE - 1)) + 1,
  }))
  const table = new Int16Array(MAGLEV_SIZE).fill(-1)
  for (let filled = 0; filled < MAGLEV_SIZE;) {
    for (const permutation of permutations) {
      while (table[permutation.at] !== -1) permutation.at = (permutation.at + permutation.skip) % MAGLEV_SIZE
      table[permutation.at] = permutation.worker
      if (++filled === MAGLEV_SIZE) break
    }
  }
  return (hash) => table[hash % MAGLEV_SIZE]!
}

/** Lamping and Veach, A Fast, Minimal Memory, Consistent Hash Algorithm, 2014. */
function jump(workers: readonly number[]): Lookup {
  return (hash) => {
    let key = BigInt(hash)
    let bucket = 0
    for (let next = 0; next < workers.length;) {
      bucket = next
      key = BigInt.asUintN(64, key * 2862933555777941757n + 1n)
      next = Math.floor((bucket + 1) * (2 ** 31 / (Number(key >> 33n) + 1)))
    }
    return workers[bucket]!
  }
}
