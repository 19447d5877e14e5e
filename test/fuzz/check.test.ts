import t from 'tap'
import { parseProxyHeader } from '../../src/affinity/proxy-header.ts'
import { random } from '../support/random.ts'
import { check, type Parse } from './check.ts'
import { inputOf } from './inputs.ts'

/** @returns the complaint about the first input for which the parser fails */
function complaint(parse: Parse, inputs = 5_000): string | undefined {
  const next = random(1)
  for (let index = 0; index < inputs; index++) {
    try {
      check(inputOf(1, index), parse, next)
    } catch (error) {
      return (error as Error).message
    }
  }
  return undefined
}

t.test('the real parser passes', async (t) => {
  t.equal(complaint(parseProxyHeader), undefined)
})

t.test('the same seed makes the same inputs, another seed makes other inputs', async (t) => {
  const some = (seed: number) => Array.from({ length: 50 }, (_, index) => inputOf(seed, index).toString('hex'))
  t.strictSame(some(7), some(7))
  t.notSame(some(7), some(8))
})

const broken: Record<string, { parse: Parse; complaint: RegExp }> = {
  'asks for a byte too many': {
    parse(bytes, max) {
      const verdict = parseProxyHeader(bytes, max)
      return verdict.type === 'more' ? { type: 'more', bytes: verdict.bytes + 1 } : verdict
    },
    complaint: /as it asks: read \d+ bytes of \d+/,
  },
  'asks for nothing': {
    parse(bytes, max) {
      const verdict = parseProxyHeader(bytes, max)
      return verdict.type === 'more' ? { type: 'more', bytes: 0 } : verdict
    },
    complaint: /asks for 0 after 0/,
  },
  throws: {
    parse(bytes, max) {
      if (bytes.length > 13 && bytes[13] === 0x31) throw new RangeError('out of range')
      return parseProxyHeader(bytes, max)
    },
    complaint: /out of range/,
  },
  'takes a wrong checksum': {
    parse(bytes, max) {
      const verdict = parseProxyHeader(bytes, max)
      if (verdict.type !== 'bad' || verdict.reason !== 'checksum') return verdict
      return { type: 'header', length: 16 + bytes.readUInt16BE(14), tlvs: [] }
    },
    complaint: /expected a header of undefined bytes, got header/,
  },
  'takes a header that is not complete': {
    parse(bytes, max) {
      const verdict = parseProxyHeader(bytes, max)
      return bytes.length > 20 && verdict.type === 'more' ? { type: 'header', length: 20, tlvs: [] } : verdict
    },
    complaint: /got header: 20/,
  },
  'decides by how the bytes came': {
    parse(bytes, max) {
      const verdict = parseProxyHeader(bytes, max)
      return bytes.length === 3 && verdict.type === 'more' ? { type: 'bad', reason: 'missing' } : verdict
    },
    complaint: /got bad: missing/,
  },
  'is too strict': {
    parse(bytes, max) {
      const verdict = parseProxyHeader(bytes, max)
      const isZero = verdict.type === 'header' && verdict.source?.port === 0
      return isZero ? { type: 'bad', reason: 'malformed' } : verdict
    },
    complaint: /expected a header of \d+ bytes, got bad: malformed/,
  },
}

for (const [what, { parse, complaint: expected }] of Object.entries(broken)) {
  t.test(`a parser that ${what} is found`, async (t) => {
    t.match(complaint(parse), expected)
  })
}
