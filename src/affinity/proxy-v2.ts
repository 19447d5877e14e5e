// The PROXY protocol's binary header, version 2 (HAProxy's proxy-protocol.txt, 2.2). Pure and incremental.
import { foldMapped } from './address.ts'
import { crc32c } from './crc32c.ts'
import { bad, more, type Endpoints, type ProxyVerdict, type Tlv } from './proxy-verdict.ts'

export const V2_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

/** Signature, version and command, family and transport, length of what follows. */
const FIXED = 16

const COMMAND = { local: 0, proxy: 1 } as const

/** Length of the address block by family: none, IPv4, IPv6, Unix. */
const ADDRESSES = [0, 12, 36, 216] as const

/** Types of TLVs that mean something here. */
export const TLV = { alpn: 0x01, authority: 0x02, crc32c: 0x03, noop: 0x04, uniqueId: 0x05, aws: 0xea } as const

/** @param bytes - what came so far, beginning with the signature or a part of it */
export function parseV2(bytes: Buffer, max: number): ProxyVerdict {
  const version = bytes[12]
  if (version !== undefined && version >> 4 !== 2) return bad('malformed')
  const command = (version ?? 0) & 15
  const family = (bytes[13] ?? 0) >> 4
  const transport = (bytes[13] ?? 0) & 15
  const block = ADDRESSES[family]
  if (command > COMMAND.proxy || block === undefined || transport > 2) return bad('malformed')
  if (bytes.length < FIXED) return more(FIXED - bytes.length)
  const length = FIXED + bytes.readUInt16BE(14)
  if (length > max) return bad('too-long')
  // Of a health check, or of what the proxy could not tell, only the length counts.
  const isTold = command === COMMAND.proxy && block > 0 && transport > 0
  if (isTold && length < FIXED + block) return bad('malformed')
  if (bytes.length < length) return more(length - bytes.length)
  if (!isTold) return { type: 'header', length, tlvs: [] }
  const header = bytes.subarray(0, length)
  const tlvs = tlvsOf(header.subarray(FIXED + block))
  if (tlvs === undefined) return bad('malformed')
  const checksum = checksumFault(header, tlvs)
  if (checksum !== undefined) return bad(checksum)
  return { type: 'header', length, tlvs, ...endpointsOf(header, family) }
}

function endpointsOf(header: Buffer, family: number): Partial<Endpoints> {
  // Unix sockets: there is no address that says who the client is.
  if (family === 3) return {}
  const size = family === 1 ? 4 : 16
  const ports = FIXED + 2 * size
  const end = (at: number, port: number) => ({
    address: Buffer.from(foldMapped(header.subarray(at, at + size))),
    port: header.readUInt16BE(port),
  })
  return { source: end(FIXED, ports), destination: end(FIXED + size, ports + 2) }
}

/** They must end exactly where the header does. */
function tlvsOf(bytes: Buffer): Tlv[] | undefined {
  const tlvs: Tlv[] = []
  let at = 0
  while (at < bytes.length) {
    if (at + 3 > bytes.length) return undefined
    const end = at + 3 + bytes.readUInt16BE(at + 1)
    if (end > bytes.length) return undefined
    const type = bytes.readUInt8(at)
    if (type !== TLV.noop) tlvs.push({ type, value: bytes.subarray(at + 3, end) })
    at = end
  }
  return tlvs
}

/** The checksum is over the whole header with its own four bytes zeroed (2.2.3). */
function checksumFault(header: Buffer, tlvs: readonly Tlv[]): 'malformed' | 'checksum' | undefined {
  const given = tlvs.filter(({ type }) => type === TLV.crc32c)
  const [only, second] = given
  if (only === undefined) return undefined
  if (second !== undefined || only.value.length !== 4) return 'malformed'
  const zeroed = Buffer.from(header)
  const at = only.value.byteOffset - header.byteOffset
  zeroed.fill(0, at, at + 4)
  return crc32c(zeroed) === only.value.readUInt32BE(0) ? undefined : 'checksum'
}
