import * as fc from 'fast-check'
import t from 'tap'
import { encodeRecord, isMessage, MAX_NAME, OP, readFrame, recordLength } from '../../src/bus/frames.ts'

const messageOp = fc.constantFrom(OP.bytes, OP.text, OP.json, OP.subscribe)
const name = fc.string({ unit: 'grapheme', maxLength: 40 })
const body = fc.oneof(fc.string({ unit: 'grapheme' }), fc.uint8Array())

t.test('records are read as they were encoded, in their order', async () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(messageOp, name, body)), (records) => {
      const frame = Buffer.concat(records.map((record) => encodeRecord(...record)))
      const read = [...readFrame(frame)]
      return (
        read.length === records.length &&
        read.every(({ op, name, body, whole }, i) => {
          const [givenOp, givenName, givenBody] = records[i]!
          const same = op === givenOp && name === givenName && body.equals(Buffer.from(givenBody as string))
          return same && whole.equals(encodeRecord(...records[i]!))
        })
      )
    }),
  )
})

t.test('reading a frame that is cut ends with its last complete record', async () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(messageOp, name, body), { minLength: 1 }), fc.nat(), (records, at) => {
      const encoded = records.map((record) => encodeRecord(...record))
      const frame = Buffer.concat(encoded)
      const cut = frame.subarray(0, at % frame.length)
      let whole = 0
      for (let end = 0; whole < encoded.length && end + encoded[whole]!.length <= cut.length; whole++) {
        end += encoded[whole]!.length
      }
      return [...readFrame(cut)].length === whole
    }),
  )
})

t.test('reading any bytes throws no error', async () => {
  const header = fc.tuple(
    fc.constantFrom(...Object.values(OP)),
    fc.nat(40),
    fc.nat(40),
    fc.uint8Array({ maxLength: 40 }),
  )
  const nearly = header.map(([op, length, nameLength, rest]) => {
    return Buffer.concat([Buffer.from([op, length, 0, 0, 0, nameLength, 0]), rest])
  })
  const any = fc.array(fc.oneof(nearly, fc.uint8Array())).map((parts) => Buffer.concat(parts))
  fc.assert(
    fc.property(any, (bytes) => {
      // A body has the bytes of the numbers that are read from it.
      for (const { op, body } of readFrame(bytes)) {
        if (op === OP.value) body.readDoubleLE(4)
        if (op === OP.add) body.readDoubleLE()
        if ([OP.join, OP.read, OP.value, OP.missed, OP.dismissed].includes(op as 16)) body.readUInt32LE()
      }
    }),
    { numRuns: 2_000 },
  )
})

t.test('the layout is the one at the top of frames.ts', async (t) => {
  const record = encodeRecord(OP.text, 'né', 'hi')
  t.equal(record.toString('hex'), '010c00000003006ec3a96869')
  t.equal(recordLength(record, 0), 12)
  t.equal(recordLength(record, 1), 0)
  t.ok(isMessage(OP.json) && !isMessage(OP.join))
  const long = 'n'.repeat(MAX_NAME)
  t.match([...readFrame(encodeRecord(OP.text, long))], [{ name: long }])
})
