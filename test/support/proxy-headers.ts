// PROXY protocol headers as proxies send them.
import { crc32c } from '../../src/affinity/crc32c.ts'
import { rawAddress } from '../../src/affinity/address.ts'

export interface From {
  address: string
  port: number
}

export interface More {
  uniqueId?: string
  authority?: string
  checksum?: boolean
  /** Additional type-length-value fields. */
  more?: [type: number, value: Buffer][]
}

/** Address to which the client connected. */
const TO = { 4: '192.0.2.1', 6: '2001:db8::ffff' } as const

export function headerV1({ address, port }: From): Buffer {
  const family = address.includes(':') ? 6 : 4
  return Buffer.from(`PROXY TCP${family} ${address} ${TO[family]} ${port} 443\r\n`)
}

export function headerV2({ address, port }: From, { uniqueId, authority, checksum, more = [] }: More = {}): Buffer {
  const family = address.includes(':') ? 6 : 4
  const ports = Buffer.alloc(4)
  ports.writeUInt16BE(port, 0)
  ports.writeUInt16BE(443, 2)
  const tlvs = [
    ...(authority === undefined ? [] : [tlv(2, Buffer.from(authority))]),
    ...(checksum ? [tlv(3, Buffer.alloc(4))] : []),
    ...(uniqueId === undefined ? [] : [tlv(5, Buffer.from(uniqueId))]),
    ...more.map(([type, value]) => tlv(type, value)),
  ]
  const rest = Buffer.concat([rawAddress(address), rawAddress(TO[family]), ports, ...tlvs])
  const fixed = Buffer.from('0d0a0d0a000d0a515549540a21110000', 'hex')
  if (family === 6) fixed[13] = 0x21
  fixed.writeUInt16BE(rest.length, 14)
  const header = Buffer.concat([fixed, rest])
  if (checksum) header.writeUInt32BE(crc32c(header), header.indexOf(tlv(3, Buffer.alloc(4))) + 3)
  return header
}

function tlv(type: number, value: Buffer): Buffer {
  const head = Buffer.from([type, 0, 0])
  head.writeUInt16BE(value.length, 1)
  return Buffer.concat([head, value])
}
