// Random first bytes of a connection: valid headers, almost valid headers, and noise.
import { crc32c } from '../../src/affinity/crc32c.ts'
import { random, type Random } from '../support/random.ts'

export const MAX = 4_096

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

/** Length of the address block by family of version 2. */
const BLOCKS = [0, 12, 36, 216]

/** Input number `index` of a seed; always the same bytes. */
export function inputOf(seed: number, index: number): Buffer {
  const dice = new Dice(random((seed ^ Math.imul(index + 1, 0x9e3779b1)) >>> 0))
  switch (dice.below(8)) {
    case 0:
      return Buffer.concat([header(dice), dice.bytes(dice.below(60))])
    case 1:
      return cut(header(dice), dice)
    case 2:
      return noise(dice)
    case 3:
      return words(dice)
    case 4:
      return Buffer.concat([binary(dice, true), dice.bytes(dice.below(20))])
    default:
      return mutated(Buffer.concat([header(dice), dice.bytes(dice.below(20))]), dice)
  }
}

class Dice {
  readonly next: Random
  constructor(next: Random) {
    this.next = next
  }
  below(sides: number): number {
    return Math.floor(this.next() * sides)
  }
  one<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }
  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)))
  }
}

function header(dice: Dice): Buffer {
  return dice.below(2) === 0 ? text(dice) : binary(dice, false)
}

function text(dice: Dice): Buffer {
  const port = () => dice.one([0, 1, 80, 65_535, dice.below(65_536)])
  switch (dice.below(3)) {
    case 0:
      return Buffer.from(`PROXY TCP4 ${ipv4(dice)} ${ipv4(dice)} ${port()} ${port()}\r\n`)
    case 1:
      return Buffer.from(`PROXY TCP6 ${ipv6(dice)} ${ipv6(dice)} ${port()} ${port()}\r\n`)
    default: {
      const rest = Array.from(dice.bytes(dice.below(100)), (byte) => String.fromCharCode(32 + (byte % 95))).join('')
      return Buffer.from(`PROXY UNKNOWN${rest === '' ? '' : ` ${rest.slice(0, 91)}`}\r\n`)
    }
  }
}

function ipv4(dice: Dice): string {
  return dice.one(['0.0.0.0', '255.255.255.255', dice.bytes(4).join('.')])
}

function ipv6(dice: Dice): string {
  const group = () => dice.below(65_536).toString(16)
  const groups = Array.from({ length: 8 }, () => dice.one(['0', group(), group().padStart(4, '0')]))
  const from = dice.below(8)
  const short = `${groups.slice(0, from).join(':')}::${groups.slice(from + 1 + dice.below(7 - from)).join(':')}`
  return dice.one(['::', '::1', `::ffff:${ipv4(dice)}`, groups.join(':'), short, short.toUpperCase()])
}

/** @param wild - whether lengths and types are random; otherwise they are valid */
function binary(dice: Dice, wild: boolean): Buffer {
  const family = dice.below(wild ? 5 : 4)
  const command = wild && dice.below(8) === 0 ? dice.below(256) : 0x20 + dice.below(2)
  const block = BLOCKS[family] ?? 12
  const tlvs = Array.from({ length: dice.below(5) }, () => tlv(dice, wild))
  const withChecksum = dice.below(2) === 0
  if (withChecksum) tlvs.splice(dice.below(tlvs.length + 1), 0, Buffer.from('03000400000000', 'hex'))
  const size = wild && dice.below(8) === 0 ? dice.below(block + 4) : block
  const rest = Buffer.concat([dice.bytes(size), ...tlvs])
  const fixed = Buffer.alloc(4)
  fixed[0] = command
  fixed[1] = (family << 4) | dice.below(wild && dice.below(4) === 0 ? 16 : 3)
  fixed.writeUInt16BE(wild && dice.below(8) === 0 ? dice.one([0, rest.length + 1, dice.below(65_536)]) : rest.length, 2)
  const bytes = Buffer.concat([SIGNATURE, fixed, rest])
  const at = bytes.indexOf('03000400000000', 16 + size, 'hex')
  // Another TLV may contain the same bytes; then the checksum is wrong, and the reference rejects it too.
  if (withChecksum && at > 0 && dice.below(8) > 0) bytes.writeUInt32BE(crc32c(bytes), at + 3)
  return bytes
}

function tlv(dice: Dice, wild: boolean): Buffer {
  const type = wild ? dice.below(256) : dice.one([1, 2, 4, 5, 0x20, 0x30, 0xea, 0xee])
  // Long values are rare, because they take long.
  const value = dice.bytes(dice.below(dice.below(200) === 0 ? 3_000 : 30))
  const head = Buffer.from([type, 0, 0])
  head.writeUInt16BE(wild && dice.below(12) === 0 ? dice.below(65_536) : value.length, 1)
  return Buffer.concat([head, value])
}

function cut(bytes: Buffer, dice: Dice): Buffer {
  return bytes.subarray(0, dice.below(bytes.length))
}

/** Random bytes, some with the first bytes of a header. */
function noise(dice: Dice): Buffer {
  const beginning = dice.one(['', 'PROXY ', 'PROXY TCP4 ', 'PROXY UNKNOWN', SIGNATURE, Buffer.of(...SIGNATURE, 0x21)])
  return Buffer.concat([Buffer.from(beginning as string), dice.bytes(dice.below(150))])
}

/** The words of version 1 in random order. */
function words(dice: Dice): Buffer {
  const one = () =>
    dice.one([
      'TCP4',
      'TCP6',
      'UNKNOWN',
      ' ',
      '  ',
      '\r',
      '\n',
      '\r\n',
      '80',
      '65536',
      '007',
      '%1',
      ipv4(dice),
      ipv6(dice),
    ])
  const line = Array.from({ length: 1 + dice.below(12) }, one).join(dice.one(['', ' ']))
  return Buffer.from(`PROXY ${dice.one(['', 'TCP4 ', 'TCP6 '])}${line}${dice.one(['', '\r\n'])}`)
}

function mutated(bytes: Buffer, dice: Dice): Buffer {
  let result = bytes
  for (let edits = 1 + dice.below(4); edits > 0; edits--) result = edit(result, dice)
  return result
}

function edit(bytes: Buffer, dice: Dice): Buffer {
  const at = dice.below(bytes.length + 1)
  const to = at + dice.below(4)
  const byte = dice.one([0, 0x0a, 0x0d, 0x20, 0x25, 0x30, 0x3a, 0xff, dice.below(256)])
  switch (dice.below(5)) {
    case 0:
      return Buffer.concat([bytes.subarray(0, at), Buffer.of(byte), bytes.subarray(at)])
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)])
    case 2:
      return Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)])
    case 3: {
      const copy = Buffer.from(bytes)
      if (at < copy.length) copy[at]! ^= 1 << dice.below(8)
      return copy
    }
    default:
      return Buffer.concat([bytes.subarray(0, at), Buffer.of(byte), bytes.subarray(at + 1)])
  }
}
