// Parses the header of the PROXY protocol: version 1 is text, version 2 is binary (HAProxy's doc/proxy-protocol.txt,
// 2.1 and 2.2). Pure and incremental: the verdict on the same bytes is the same, however they arrived.
import { foldMapped, parseAddress } from './address.ts'
import { crc32c } from './crc32c.ts'

/** Why a header is refused. Refused connections are counted under these names. */
export type ProxyFault =
  /** The connection does not begin with a header. */
  | 'missing'
  /** The connection begins like a header, and breaks the rules of the protocol. */
  | 'malformed'
  | 'too-long'
  /** The checksum in the header is wrong. */
  | 'checksum'

/**
 * The two ends of the connection between the client and the proxy. Addresses are 4 or 16 bytes; IPv4-mapped ones are
 * folded to 4.
 */
export interface Endpoints {
  source: { address: Buffer; port: number }
  destination: { address: Buffer; port: number }
}

/** One type-length-value field of version 2. */
export interface Tlv {
  type: number
  value: Buffer
}

export type ProxyVerdict =
  /** The header is incomplete. At least `bytes` more bytes belong to it, so it is safe to read as many. */
  | { type: 'more'; bytes: number }
  /**
   * The header is complete. It has no endpoints in a health check of the proxy, and when the proxy does not know the
   * client's protocol: then the addresses of the connection itself count.
   */
  | ({ type: 'header'; length: number; tlvs: readonly Tlv[] } & Partial<Endpoints>)
  | { type: 'bad'; reason: ProxyFault }

/** Bytes of the shortest header. */
const SHORTEST = 'PROXY UNKNOWN\r\n'.length

/**
 * Parses the first bytes of a connection.
 *
 * @param bytes - all bytes that have arrived so far
 * @param max - bytes of the longest header to accept
 */
export function parseProxyHeader(bytes: Buffer, max: number): ProxyVerdict {
  if (bytes.length === 0) return more(SHORTEST)
  if (beginsLike(bytes, V1_PREFIX)) return parseV1(bytes)
  return beginsLike(bytes, V2_SIGNATURE) ? parseV2(bytes, max) : bad('missing')
}

/** Whether `bytes`, which may be shorter than the prefix, can be its beginning. */
function beginsLike(bytes: Buffer, prefix: Buffer): boolean {
  const length = Math.min(bytes.length, prefix.length)
  return bytes.compare(prefix, 0, length, 0, length) === 0
}

function more(bytes: number): ProxyVerdict {
  return { type: 'more', bytes }
}

function bad(reason: ProxyFault): ProxyVerdict {
  return { type: 'bad', reason }
}

// --- Version 1 ---

/** No other protocol of a web server begins with these bytes. */
const V1_PREFIX = Buffer.from('PROXY ')

/** Bytes of the longest header of each family, CRLF included. */
const V1_LONGEST = { TCP4: 56, TCP6: 104, UNKNOWN: 107 } as const

/** Bytes of the shortest header of each family: so many can be read without reading past the header. */
const V1_SHORTEST = {
  TCP4: 'PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n'.length,
  TCP6: 'PROXY TCP6 :: :: 0 0\r\n'.length,
  UNKNOWN: 'PROXY UNKNOWN\r\n'.length,
} as const

type V1Family = keyof typeof V1_LONGEST

/** @param bytes - all that has arrived, beginning with `PROXY ` or a part of it */
function parseV1(bytes: Buffer): ProxyVerdict {
  const text = bytes.toString('latin1', 0, V1_LONGEST.UNKNOWN)
  const family = v1FamilyOf(text)
  if (family === 'unclear') return more(V1_SHORTEST.UNKNOWN - text.length)
  if (family === undefined) return bad('malformed')
  const end = text.indexOf('\r')
  if (end < 0) {
    // The CRLF is still missing, and must fit.
    if (text.length > V1_LONGEST[family] - 2) return bad('too-long')
    return more(Math.max(2, V1_SHORTEST[family] - text.length))
  }
  if (end > V1_LONGEST[family] - 2) return bad('too-long')
  if (text.length === end + 1) return more(1)
  if (text[end + 1] !== '\n') return bad('malformed')
  const length = end + 2
  if (family === 'UNKNOWN') {
    // The sender may write anything between a space and the CRLF; the receiver must ignore it.
    const rest = text.slice(UNKNOWN.length, end)
    return rest === '' || rest.startsWith(' ') ? { type: 'header', length, tlvs: [] } : bad('malformed')
  }
  const endpoints = v1Endpoints(text.slice(V1_FAMILY_PREFIX[family].length, end), family)
  return endpoints === undefined ? bad('malformed') : { type: 'header', length, tlvs: [], ...endpoints }
}

const UNKNOWN = 'PROXY UNKNOWN'
const V1_FAMILY_PREFIX = { TCP4: 'PROXY TCP4 ', TCP6: 'PROXY TCP6 ', UNKNOWN } as const

/** @returns 'unclear' while the text is too short to tell the families apart; undefined when it is none of them */
function v1FamilyOf(text: string): V1Family | 'unclear' | undefined {
  const families: V1Family[] = ['TCP4', 'TCP6', 'UNKNOWN']
  const fitting = families.filter((family) =>
    V1_FAMILY_PREFIX[family].startsWith(text.slice(0, V1_FAMILY_PREFIX[family].length)),
  )
  const [only] = fitting
  if (only !== undefined && text.length < V1_FAMILY_PREFIX[only].length) return 'unclear'
  return only
}

/** @param text - `source destination port port`, separated by single spaces */
function v1Endpoints(text: string, family: 'TCP4' | 'TCP6'): Endpoints | undefined {
  const [from = '', to = '', fromPort = '', toPort = '', surplus] = text.split(' ')
  const source = v1Endpoint(from, fromPort, family)
  const destination = v1Endpoint(to, toPort, family)
  if (surplus !== undefined || source === undefined || destination === undefined) return undefined
  return { source, destination }
}

function v1Endpoint(address: string, port: string, family: 'TCP4' | 'TCP6'): Endpoints['source'] | undefined {
  // A zone id names an interface of the sender and has no meaning here.
  if (address.includes(':') !== (family === 'TCP6') || address.includes('%')) return undefined
  const bytes = parseAddress(address)
  const isPort = /^(0|[1-9]\d{0,4})$/.test(port) && Number(port) <= 65_535
  return bytes !== undefined && isPort ? { address: bytes, port: Number(port) } : undefined
}

// --- Version 2 ---

const V2_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

/** Bytes of the fixed part: signature, version and command, family and transport, length of the rest. */
const V2_FIXED = 16

const V2_COMMAND = { local: 0, proxy: 1 } as const

/** Bytes of the address block by family: none, IPv4, IPv6, Unix. */
const V2_ADDRESSES = [0, 12, 36, 216] as const

/** The types of TLV that Holdfast reads. */
export const TLV = { alpn: 0x01, authority: 0x02, crc32c: 0x03, noop: 0x04, uniqueId: 0x05, aws: 0xea } as const

/** @param bytes - all that has arrived, beginning with the signature or a part of it */
function parseV2(bytes: Buffer, max: number): ProxyVerdict {
  const version = bytes[12]
  if (version !== undefined && version >> 4 !== 2) return bad('malformed')
  const command = (version ?? 0) & 15
  const family = (bytes[13] ?? 0) >> 4
  const transport = (bytes[13] ?? 0) & 15
  const block = V2_ADDRESSES[family]
  if (command > V2_COMMAND.proxy || block === undefined || transport > 2) return bad('malformed')
  if (bytes.length < V2_FIXED) return more(V2_FIXED - bytes.length)
  const length = V2_FIXED + bytes.readUInt16BE(14)
  if (length > max) return bad('too-long')
  // A health check, and a client of an unknown protocol, have no addresses: the rest of the header is skipped.
  const hasAddresses = command === V2_COMMAND.proxy && block > 0 && transport > 0
  if (hasAddresses && length < V2_FIXED + block) return bad('malformed')
  if (bytes.length < length) return more(length - bytes.length)
  if (!hasAddresses) return { type: 'header', length, tlvs: [] }
  const header = bytes.subarray(0, length)
  const tlvs = readTlvs(header.subarray(V2_FIXED + block))
  if (tlvs === undefined) return bad('malformed')
  const checksum = checksumFault(header, tlvs)
  if (checksum !== undefined) return bad(checksum)
  return { type: 'header', length, tlvs, ...v2Endpoints(header, family) }
}

function v2Endpoints(header: Buffer, family: number): Partial<Endpoints> {
  // A Unix socket has no address that identifies the client.
  if (family === 3) return {}
  const size = family === 1 ? 4 : 16
  const ports = V2_FIXED + 2 * size
  const end = (at: number, port: number) => ({
    address: Buffer.from(foldMapped(header.subarray(at, at + size))),
    port: header.readUInt16BE(port),
  })
  return { source: end(V2_FIXED, ports), destination: end(V2_FIXED + size, ports + 2) }
}

/** @returns undefined when the TLVs do not end exactly at the end of the header */
function readTlvs(bytes: Buffer): Tlv[] | undefined {
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

/** The checksum covers the whole header with its own four bytes set to zero (2.2.3). */
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
