// Whether a worker uses too much memory, or more and more of it. Pure.

/** Bytes, at milliseconds on the monotonic clock. */
export interface MemorySample {
  at: number
  rss: number
  heapUsed: number
}

export interface MemoryPolicy {
  /** Most bytes of the resident set; Infinity for no bound. */
  maxRss: number
  /** Most bytes of the V8 heap in use; Infinity for no bound. */
  maxHeap: number
  /** Milliseconds over which growth is measured; 0 to measure none. */
  growthWindow: number
}

/** Samples in a row over a bound before it counts: one sample may be garbage that is about to be collected. */
const IN_A_ROW = 3

/** The window is cut into so many parts; the floor of each part must be above the floor of the part before. */
const PARTS = 4

/** Growth over the window that matters: a third more, and at least 32 MB. */
const FACTOR = 4 / 3
const LEAST = 32 * 1024 * 1024

/**
 * The reason to replace the worker, in words; undefined while its memory is in bounds.
 *
 * @param samples - oldest first
 */
export function memoryComplaint(samples: readonly MemorySample[], policy: MemoryPolicy): string | undefined {
  const last = samples.slice(-IN_A_ROW)
  for (const [name, limit] of [['rss', policy.maxRss] as const, ['heapUsed', policy.maxHeap] as const]) {
    if (last.length === IN_A_ROW && last.every((sample) => sample[name] > limit)) {
      return `${name} is ${megabytes(last.at(-1)?.[name] ?? 0)}, the limit ${megabytes(limit)}`
    }
  }
  return policy.growthWindow > 0 ? growth(samples, policy.growthWindow) : undefined
}

/**
 * A leak raises the floor of the heap, which is what garbage collection leaves. So the lowest heap of each part of the
 * window is compared, not the saw-tooth above it.
 */
function growth(samples: readonly MemorySample[], window: number): string | undefined {
  const end = samples.at(-1)?.at ?? 0
  const inside = samples.filter(({ at }) => end - at <= window)
  if (samples[0] === undefined || end - samples[0].at < window) return undefined
  const floors = Array.from({ length: PARTS }, (_, part) => {
    const from = end - window + (part * window) / PARTS
    const some = inside.filter(({ at }) => at >= from && at <= from + window / PARTS)
    return Math.min(...some.map(({ heapUsed }) => heapUsed))
  })
  const [first = 0] = floors
  const latest = floors.at(-1) ?? 0
  const rising = floors.every((floor, i) => Number.isFinite(floor) && (i === 0 || floor > (floors[i - 1] ?? 0)))
  if (!rising || latest < first * FACTOR || latest - first < LEAST) return undefined
  return `the heap grew from ${megabytes(first)} to ${megabytes(latest)} within ${Math.round(window / 1000)} s`
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / (1024 * 1024))} MB`
}
