// The PROXY protocol, versions 1 and 2: https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt, sections 2.1 and 2.2.
// Pure and incremental: bytes go in, a verdict comes out, however they were split.
import { foldMapped, parseAddress } from './address.ts'
import { crc32c } from './crc32c.ts'

/** Why a header is refused; counted under these names. */
export type ProxyFault =
  /** The connection does not begin with a header. */
  | 'missing'
  /** It begins like one and breaks the rules. */
  | 'malformed'
  | 'too-long'
  /** The checksum that it carries is not its own. */
  | 'checksum'

/** The two ends of the connection that the proxy got. Addresses: 4 or 16 bytes, mapped IPv4 folded to 4. */
export interface Endpoints {
  source: { address: Buffer; port: number }
  destination: { address: Buffer; port: number }
}

/** One type-length-value of version 2. */
export interface Tlv {
  type: number
  value: Buffer
}

export type ProxyVerdict =
  /** At least so many bytes more belong to the header: it is safe to read exactly as many. */
  | { type: 'more'; bytes: number }
  /** Complete; without endpoints the connection's own count (health checks of the proxy, unknown protocols). */
  | ({ type: 'header'; length: number; tlvs: readonly Tlv[] } & Partial<Endpoints>)
  | { type: 'bad'; reason: ProxyFault }

/** So many bytes every header has. */
const SHORTEST = 'PROXY UNKNOWN\r\n'.length

/**
 * Looks at the first bytes of a connection. The verdict is the same however they were split.
 *
 * @param bytes - all that came so far
 * @param max - the longest header that is taken, in bytes
 */
export function parseProxyHeader(bytes: Buffer, max: number): ProxyVerdict {
  if (bytes.length === 0) return more(SHORTEST)
  if (beginsLike(bytes, V1_PREFIX)) return parseV1(bytes)
  return beginsLike(bytes, V2_SIGNATURE) ? parseV2(bytes, max) : bad('missing')
}

/** As far as there are bytes. */
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

/** The first bytes; no other protocol that a web server speaks begins so. */
const V1_PREFIX = Buffer.from('PROXY ')

/** The longest header, with its CRLF. */
const V1_LONGEST = { TCP4: 56, TCP6: 104, UNKNOWN: 107 } as const

/** The shortest ones: as many bytes can be waited for without reading past the header. */
const V1_SHORTEST = {
  TCP4: 'PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n'.length,
  TCP6: 'PROXY TCP6 :: :: 0 0\r\n'.length,
  UNKNOWN: 'PROXY UNKNOWN\r\n'.length,
} as const

type V1Family = keyof typeof V1_LONGEST

/** @param bytes - what came so far, beginning with "PROXY " or a part of it */
function parseV1(bytes: Buffer): ProxyVerdict {
  const text = bytes.toString('latin1', 0, V1_LONGEST.UNKNOWN)
  const family = v1Family(text)
  if (family === 'unclear') return more(V1_SHORTEST.UNKNOWN - text.length)
  if (family === undefined) return bad('malformed')
  const end = text.indexOf('\r')
  if (end < 0) {
    // At the least a CRLF must fit.
    if (text.length > V1_LONGEST[family] - 2) return bad('too-long')
    return more(Math.max(2, V1_SHORTEST[family] - text.length))
  }
  if (end > V1_LONGEST[family] - 2) return bad('too-long')
  if (text.length === end + 1) return more(1)
  if (text[end + 1] !== '\n') return bad('malformed')
  const length = end + 2
  if (family === 'UNKNOWN') {
    // Anything may follow up to the CRLF, after a space; it is not looked at.
    const rest = text.slice(UNKNOWN.length, end)
    return rest === '' || rest.startsWith(' ') ? { type: 'header', length, tlvs: [] } : bad('malformed')
  }
  const endpoints = v1Endpoints(text.slice(V1_FAMILY_PREFIX[family].length, end), family)
  return endpoints === undefined ? bad('malformed') : { type: 'header', length, tlvs: [], ...endpoints }
}

const UNKNOWN = 'PROXY UNKNOWN'
const V1_FAMILY_PREFIX = { TCP4: 'PROXY TCP4 ', TCP6: 'PROXY TCP6 ', UNKNOWN } as const

/** Which of the three it is, 'unclear' while it still can be several, undefined if it is none. */
function v1Family(text: string): V1Family | 'unclear' | undefined {
  const families: V1Family[] = ['TCP4', 'TCP6', 'UNKNOWN']
  const fitting = families.filter((family) =>
    V1_FAMILY_PREFIX[family].startsWith(text.slice(0, V1_FAMILY_PREFIX[family].length)),
  )
  const [only] = fitting
  if (only !== undefined && text.length < V1_FAMILY_PREFIX[only].length) return 'unclear'
  return only
}

/** `source destination port port`, single spaces. */
function v1Endpoints(text: string, family: 'TCP4' | 'TCP6'): Endpoints | undefined {
  const [from = '', to = '', fromPort = '', toPort = '', surplus] = text.split(' ')
  const source = v1Endpoint(from, fromPort, family)
  const destination = v1Endpoint(to, toPort, family)
  if (surplus !== undefined || source === undefined || destination === undefined) return undefined
  return { source, destination }
}

function v1Endpoint(address: string, port: string, family: 'TCP4' | 'TCP6'): Endpoints['source'] | undefined {
  // A zone names an interface of the sender, which says nothing here.
  if (address.includes(':') !== (family === 'TCP6') || address.includes('%')) return undefined
  const bytes = parseAddress(address)
  const isPort = /^(0|[1-9]\d{0,4})$/.test(port) && Number(port) <= 65_535
  return bytes !== undefined && isPort ? { address: bytes, port: Number(port) } : undefined
}

const V2_SIGNATURE = Buffer.from('0d0a0d0a000d0a515549540a', 'hex')

/** Signature, version and command, family and transport, length of what follows. */
const V2_FIXED = 16

const V2_COMMAND = { local: 0, proxy: 1 } as const

/** Length of the address block by family: none, IPv4, IPv6, Unix. */
const V2_ADDRESSES = [0, 12, 36, 216] as const

/** Types of TLVs that mean something here. */
export const TLV = { alpn: 0x01, authority: 0x02, crc32c: 0x03, noop: 0x04, uniqueId: 0x05, aws: 0xea } as const

/** @param bytes - what came so far, beginning with the signature or a part of it */
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
  // Of a health check, or of what the proxy could not tell, only the length counts.
  const isTold = command === V2_COMMAND.proxy && block > 0 && transport > 0
  if (isTold && length < V2_FIXED + block) return bad('malformed')
  if (bytes.length < length) return more(length - bytes.length)
  if (!isTold) return { type: 'header', length, tlvs: [] }
  const header = bytes.subarray(0, length)
  const tlvs = tlvsOf(header.subarray(V2_FIXED + block))
  if (tlvs === undefined) return bad('malformed')
  const checksum = checksumFault(header, tlvs)
  if (checksum !== undefined) return bad(checksum)
  return { type: 'header', length, tlvs, ...v2Endpoints(header, family) }
}

function v2Endpoints(header: Buffer, family: number): Partial<Endpoints> {
  // Unix sockets: there is no address that says who the client is.
  if (family === 3) return {}
  const size = family === 1 ? 4 : 16
  const ports = V2_FIXED + 2 * size
  const end = (at: number, port: number) => ({
    address: Buffer.from(foldMapped(header.subarray(at, at + size))),
    port: header.readUInt16BE(port),
  })
  return { source: end(V2_FIXED, ports), destination: end(V2_FIXED + size, ports + 2) }
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
