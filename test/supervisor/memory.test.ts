import * as fc from 'fast-check'
import t from 'tap'
import { memoryComplaint, type MemorySample } from '../../src/supervisor/memory.ts'

const MB = 1024 * 1024
const none = { maxRss: Infinity, maxHeap: Infinity, growthWindow: 0 }
const watched = { ...none, growthWindow: 60_000 }

/** A sample each second; the heap is a saw-tooth of 50 MB on top of a floor. */
function course(seconds: number, floor: (second: number) => number): MemorySample[] {
  return Array.from({ length: seconds }, (_, second) => {
    const heapUsed = (floor(second) + (second % 5) * 10) * MB
    return { at: second * 1000, rss: heapUsed + 60 * MB, heapUsed }
  })
}

t.test('a bound is passed when three samples in a row are over it', async (t) => {
  const rss = (...megabytes: number[]) => megabytes.map((mb, i) => ({ at: i, rss: mb * MB, heapUsed: 0 }))
  const policy = { ...none, maxRss: 100 * MB }
  t.equal(memoryComplaint(rss(200, 200), policy), undefined)
  t.equal(memoryComplaint(rss(200, 200, 90, 200, 200), policy), undefined)
  t.equal(memoryComplaint(rss(90, 200, 200, 201), policy), 'rss is 201 MB, the limit 100 MB')
  const heap = [1, 2, 3].map((at) => ({ at, rss: 0, heapUsed: 70 * MB }))
  t.equal(memoryComplaint(heap, { ...none, maxHeap: 64 * MB }), 'heapUsed is 70 MB, the limit 64 MB')
})

t.test('a floor that rises all the time is a leak', async (t) => {
  t.match(
    memoryComplaint(
      course(90, (second) => 60 + second),
      watched,
    ),
    /the heap grew from \d+ MB to \d+ MB within 60 s/,
  )
})

t.test('a saw-tooth on a level floor is no leak, however high', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 10, max: 2_000 }), fc.integer({ min: 60, max: 200 }), (floor, seconds) => {
      return (
        memoryComplaint(
          course(seconds, () => floor),
          watched,
        ) === undefined
      )
    }),
  )
})

t.test('growth that levels off, and a warm-up shorter than the window, are no leak', async (t) => {
  t.equal(
    memoryComplaint(
      course(120, (second) => Math.min(150, 60 + second * 3)),
      watched,
    ),
    undefined,
  )
  t.equal(
    memoryComplaint(
      course(50, (second) => 60 + second * 5),
      watched,
    ),
    undefined,
  )
})

t.test('without a policy no memory use is too much', async () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 50 }),
      (slope) =>
        memoryComplaint(
          course(100, (s) => s * slope),
          none,
        ) === undefined,
    ),
  )
})
