// The PROXY protocol: which version a header is. Pure.
import { parseV1, V1_PREFIX } from './proxy-v1.ts'
import { parseV2, V2_SIGNATURE } from './proxy-v2.ts'
import { bad, more, type ProxyVerdict } from './proxy-verdict.ts'

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
