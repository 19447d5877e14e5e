import * as fc from 'fast-check'
import t from 'tap'
import { FrameStream } from '../../../src/sessions/peer/websocket-frames.ts'

const ours = Buffer.from('880203f4', 'hex')

/** A frame with a payload of that size. Its length has one of three forms. */
function frame(size: number, masked: boolean): Buffer {
  const mask = masked ? 0x80 : 0
  const length = Buffer.alloc(size < 126 ? 0 : size < 65_536 ? 2 : 8)
  if (length.length === 2) length.writeUInt16BE(size)
  if (length.length === 8) length.writeBigUInt64BE(BigInt(size))
  const short = length.length === 0 ? size : length.length === 2 ? 126 : 127
  const payload = Buffer.alloc(size + (masked ? 4 : 0), 0x81)
  return Buffer.concat([Buffer.of(0x82, mask | short), length, payload])
}

const size = fc.oneof(fc.nat({ max: 130 }), fc.constantFrom(0, 125, 126, 65_535, 65_536, 70_000))
const frames = fc.array(
  fc.tuple(size, fc.boolean()).map(([bytes, masked]) => frame(bytes, masked)),
  { minLength: 1 },
)
const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constant(65_536)), { minLength: 8 })

t.test('an inserted frame follows the frame that is passing, however the bytes are cut', async () => {
  fc.assert(
    fc.property(frames, cuts, fc.nat(), (all, sizes, turn) => {
      const pieces = cut(Buffer.concat(all), sizes)
      const before = pieces.slice(0, turn % (pieces.length + 1))
      const stream = new FrameStream({ highWaterMark: Number.MAX_SAFE_INTEGER })
      for (const piece of before) stream.write(piece)
      stream.insert(ours)
      for (const piece of pieces.slice(before.length)) stream.write(piece)
      const passed = Buffer.concat(before).length
      let whole = 0
      let count = 0
      while (whole < passed) whole += all[count++]!.length
      const read: Buffer[] = []
      // From Node.js 26 on, read() returns one chunk at a time.
      for (let chunk = stream.read() as Buffer; chunk !== null; chunk = stream.read() as Buffer) read.push(chunk)
      return Buffer.concat([...all.slice(0, count), ours, ...all.slice(count)]).equals(Buffer.concat(read))
    }),
  )
})

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const end = at + sizes[n % sizes.length]!
    pieces.push(bytes.subarray(at, end))
    at = end
  }
  return pieces
}
