import * as fc from 'fast-check'
import t from 'tap'
import { encodeRecord, OP, readFrame } from '../../src/bus/frames.ts'
import { PIECE, RecordQueue } from '../../src/bus/record-queue.ts'

/** Every third record is no message. */
const record = (n: number, size = 0) =>
  encodeRecord(n % 3 === 0 ? OP.subscribe : OP.bytes, String(n), Buffer.alloc(size, n))

/** A step of a test: push records of these sizes, drop some, or take a frame. */
const step = fc.oneof(
  fc.array(fc.oneof(fc.nat(50), fc.nat(20_000), fc.integer({ min: 30_000, max: 150_000 })), { maxLength: 6 }),
  fc.record({ drop: fc.nat(4) }),
  fc.constant('take' as const),
)

t.test('records come out complete and in order, except for dropped ones, and the counts are right', async () => {
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const queue = new RecordQueue()
      const waiting: Buffer[] = []
      const messages = () => waiting.filter((one) => one[0] === OP.bytes).length
      const sum = () => waiting.reduce((all, { length }) => all + length, 0)
      let n = 0
      for (const what of steps) {
        if (what === 'take') {
          const taken = queue.take()
          if ((taken === undefined) !== (waiting.length === 0)) return false
          if (taken === undefined) continue
          const gone = waiting.splice(0, taken.records)
          if (!taken.frame.equals(Buffer.concat(gone)) || taken.records === 0) return false
          if (taken.frame.length > PIECE && taken.records > 1) return false
          queue.sent()
        } else if ('drop' in what) {
          for (let i = 0; i < what.drop; i++) queue.drop()
          waiting.splice(0, what.drop)
        } else {
          for (const size of what) {
            waiting.push(record(++n, size))
            queue.push(waiting.at(-1)!)
          }
        }
        if (queue.records !== waiting.length || queue.bytes !== sum() || queue.messages !== messages()) return false
      }
      return queue.clear() === messages() && queue.messages === 0 && queue.bytes === 0 && queue.take() === undefined
    }),
  )
})

t.test('a frame does not change until it is sent, whatever is pushed meanwhile', async (t) => {
  const queue = new RecordQueue()
  for (let n = 0; n < 10; n++) queue.push(record(n, 100))
  const taken = queue.take()!
  const copy = Buffer.from(taken.frame)
  for (let n = 10; n < 3_000; n++) {
    queue.push(record(n, 100))
    if (n % 3 === 0) queue.drop()
  }
  t.ok(taken.frame.equals(copy))
  t.strictSame(
    [...readFrame(taken.frame)].map(({ name }) => name),
    Array.from({ length: 10 }, (_, n) => String(n)),
  )
})

t.test('a long record is not copied and its memory is never written to', async (t) => {
  const queue = new RecordQueue()
  const long = record(1, PIECE - 8)
  t.equal(long.length, PIECE)
  const copy = Buffer.from(long)
  queue.push(long)
  t.equal(queue.take()?.frame.buffer, long.buffer)
  queue.sent()
  for (let n = 0; n < 100; n++) queue.push(record(n, 1_000))
  t.ok(long.equals(copy))
})

t.test('the small messages of a turn share one piece of memory, which is reused once they are sent', async (t) => {
  const queue = new RecordQueue()
  const buffers = new Set<ArrayBufferLike>()
  for (let turn = 0; turn < 100; turn++) {
    for (let n = 0; n < 20; n++) queue.push(record(n, 50))
    const { frame, records } = queue.take()!
    t.equal(records, 20)
    buffers.add(frame.buffer)
    queue.sent()
  }
  t.equal(buffers.size, 1)
})
