// The PROXY protocol's text header, version 1 (HAProxy's proxy-protocol.txt, 2.1). Pure and incremental: bytes go in,
// a verdict comes out, however they were split.
import { parseAddress } from './address.ts'
import { bad, more, type Endpoints, type ProxyVerdict } from './proxy-verdict.ts'

/** The first bytes; no other protocol that a web server speaks begins so. */
export const V1_PREFIX = Buffer.from('PROXY ')

/** The longest header, with its CRLF. */
const MAX = { TCP4: 56, TCP6: 104, UNKNOWN: 107 } as const

/** The shortest ones: as many bytes can be waited for without reading past the header. */
const MIN = {
  TCP4: 'PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n'.length,
  TCP6: 'PROXY TCP6 :: :: 0 0\r\n'.length,
  UNKNOWN: 'PROXY UNKNOWN\r\n'.length,
} as const

type Family = keyof typeof MAX

/** @param bytes - what came so far, beginning with "PROXY " or a part of it */
export function parseV1(bytes: Buffer): ProxyVerdict {
  const text = bytes.toString('latin1', 0, MAX.UNKNOWN)
  const family = familyOf(text)
  if (family === 'unclear') return more(MIN.UNKNOWN - text.length)
  if (family === undefined) return bad('malformed')
  const end = text.indexOf('\r')
  if (end < 0) {
    // At the least a CRLF must fit.
    if (text.length > MAX[family] - 2) return bad('too-long')
    return more(Math.max(2, MIN[family] - text.length))
  }
  if (end > MAX[family] - 2) return bad('too-long')
  if (text.length === end + 1) return more(1)
  if (text[end + 1] !== '\n') return bad('malformed')
  const length = end + 2
  if (family === 'UNKNOWN') {
    // Anything may follow up to the CRLF, after a space; it is not looked at.
    const rest = text.slice(UNKNOWN.length, end)
    return rest === '' || rest.startsWith(' ') ? { type: 'header', length, tlvs: [] } : bad('malformed')
  }
  const endpoints = endpointsOf(text.slice(PREFIX[family].length, end), family)
  return endpoints === undefined ? bad('malformed') : { type: 'header', length, tlvs: [], ...endpoints }
}

const UNKNOWN = 'PROXY UNKNOWN'
const PREFIX = { TCP4: 'PROXY TCP4 ', TCP6: 'PROXY TCP6 ', UNKNOWN } as const

/** Which of the three it is, 'unclear' while it still can be several, undefined if it is none. */
function familyOf(text: string): Family | 'unclear' | undefined {
  const families: Family[] = ['TCP4', 'TCP6', 'UNKNOWN']
  const fitting = families.filter((family) => PREFIX[family].startsWith(text.slice(0, PREFIX[family].length)))
  const [only] = fitting
  if (only !== undefined && text.length < PREFIX[only].length) return 'unclear'
  return only
}

/** `source destination port port`, single spaces. */
function endpointsOf(text: string, family: 'TCP4' | 'TCP6'): Endpoints | undefined {
  const [from = '', to = '', fromPort = '', toPort = '', surplus] = text.split(' ')
  const source = endpoint(from, fromPort, family)
  const destination = endpoint(to, toPort, family)
  if (surplus !== undefined || source === undefined || destination === undefined) return undefined
  return { source, destination }
}

function endpoint(address: string, port: string, family: 'TCP4' | 'TCP6'): Endpoints['source'] | undefined {
  // A zone names an interface of the sender, which says nothing here.
  if (address.includes(':') !== (family === 'TCP6') || address.includes('%')) return undefined
  const bytes = parseAddress(address)
  const isPort = /^(0|[1-9]\d{0,4})$/.test(port) && Number(port) <= 65_535
  return bytes !== undefined && isPort ? { address: bytes, port: Number(port) } : undefined
}
