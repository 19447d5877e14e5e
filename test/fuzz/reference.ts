// A second parser of the PROXY protocol, for complete inputs and without regard to speed. The tests compare it with the
// first.
import { isIPv4, isIPv6 } from 'node:net'

const SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

/** @returns the length of the header at the start of the bytes; undefined without a complete header */
export function headerLength(bytes: Buffer, max: number): number | undefined {
  return bytes.indexOf(SIGNATURE) === 0 ? binaryLength(bytes, max) : textLength(bytes)
}

const LINE = /^PROXY (?:(TCP[46]) ([^ \r]+) ([^ \r]+) (\d+) (\d+)|UNKNOWN(?: [^\r]*)?)\r\n/

function textLength(bytes: Buffer): number | undefined {
  const match = LINE.exec(bytes.toString('latin1', 0, 107))
  if (match === null) return undefined
  const [line, family, from = '', to = '', ...ports] = match
  if (family === undefined) return line.length
  const isAddress = (text: string) => (family === 'TCP4' ? isIPv4(text) : isIPv6(text) && !text.includes('%'))
  const isPort = (text = '') => String(Number(text)) === text && Number(text) < 65_536
  const fits = line.length <= (family === 'TCP4' ? 56 : 104)
  return fits && isAddress(from) && isAddress(to) && ports.every(isPort) ? line.length : undefined
}

function binaryLength(bytes: Buffer, max: number): number | undefined {
  if (bytes.length < 16) return undefined
  const [command, kind] = [bytes[12]!, bytes[13]!]
  const length = 16 + bytes.readUInt16BE(14)
  const block = [0, 12, 36, 216][kind >> 4]
  if (command >> 4 !== 2 || (command & 15) > 1 || block === undefined || (kind & 15) > 2) return undefined
  if (length > max || bytes.length < length) return undefined
  if (command === 0x20 || kind >> 4 === 0 || (kind & 15) === 0) return length
  if (length < 16 + block) return undefined
  let sum: number | undefined
  const zeroed = Buffer.from(bytes.subarray(0, length))
  let at = 16 + block
  while (at < length) {
    if (at + 3 > length) return undefined
    const size = bytes.readUInt16BE(at + 1)
    if (bytes[at] === 3) {
      if (sum !== undefined || size !== 4 || at + 7 > length) return undefined
      sum = bytes.readUInt32BE(at + 3)
      zeroed.writeUInt32BE(0, at + 3)
    }
    at += 3 + size
  }
  return at === length && (sum === undefined || sum === crc(zeroed)) ? length : undefined
}

/** Computes the checksum bit by bit. */
function crc(bytes: Buffer): number {
  let value = 0xffffffff
  for (const byte of bytes) {
    value ^= byte
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0x82f63b78 : 0)
  }
  return ~value >>> 0
}
