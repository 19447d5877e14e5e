// Client addresses: from text to bytes and back, and from an address to the affinity key that is hashed.

/** How an address becomes a key; see AffinityOptions. */
export interface AffinitySettings {
  /** Leading bits of an IPv4 address that count, 1 to 32. */
  ipv4Prefix: number
  /** Leading bits of an IPv6 address that count, 1 to 128. */
  ipv6Prefix: number
  /** uint32; 0 for none. */
  seed: number
}

/**
 * The affinity key of a client address.
 *
 * IPv4: 4 bytes, also for IPv4-mapped IPv6. IPv6: 8 bytes, the first 64 bits of the address. Link-local (fe80::/10) and
 * unique-local (fc00::/7) addresses share their first 64 bits with all neighbours, so their key is the last 64 bits.
 * With `ipv6Prefix` above 64 the key is 16 bytes. Bits past the prefix are zero.
 *
 * @returns undefined when `text` is not an address. Node reports `undefined` for a client that reset the connection
 *   before it was accepted.
 */
export function addressKey(text: string | undefined, affinity: AffinitySettings): Buffer | undefined {
  const bytes = parseAddress(text)
  return bytes === undefined ? undefined : bytesKey(bytes, affinity)
}

/**
 * The affinity key of a client address that the kernel reported.
 *
 * @param address - 4 or 16 bytes in network order. The function may change them, and the key may share their memory.
 */
export function bytesKey(address: Buffer, { ipv4Prefix, ipv6Prefix }: AffinitySettings): Buffer {
  const bytes = foldMapped(address)
  if (bytes.length === 4) return mask(bytes, ipv4Prefix)
  const local = isLocalScope(bytes)
  if (ipv6Prefix > 64) return local ? bytes : mask(bytes, ipv6Prefix)
  return local ? bytes.subarray(8) : mask(bytes.subarray(0, 8), ipv6Prefix)
}

/**
 * The bytes of an address in text: 4 for IPv4 and IPv4-mapped IPv6, 16 for other IPv6. A zone id (`%eth0`) is dropped.
 *
 * @returns undefined when `text` is not an address
 */
export function parseAddress(text: string | undefined): Buffer | undefined {
  if (text === undefined) return undefined
  if (!text.includes(':')) return parseIPv4(text)
  // The usual form on a dual-stack socket gets a fast path.
  const dotted = text.startsWith('::ffff:') ? parseIPv4(text.slice(7)) : undefined
  if (dotted !== undefined) return dotted
  const bytes = parseIPv6(text)
  return bytes === undefined ? undefined : foldMapped(bytes)
}

/**
 * Folds an IPv4-mapped IPv6 address to IPv4.
 *
 * @returns the last 4 bytes of a mapped address, in the same memory; any other address unchanged
 */
export function foldMapped(address: Buffer): Buffer {
  return address.length === 16 && isMapped(address) ? address.subarray(12) : address
}

/** The text of an address of 4 or 16 bytes. IPv6 is in canonical form (RFC 5952). */
export function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(2 * i).toString(16))
  const text = groups.join(':')
  // `::` replaces the longest run of zero groups, the first one of several equals, and never a single zero group.
  const longest = (text.match(/(?<![^:])0(:0)+(?![^:])/g) ?? []).reduce((a, b) => (b.length > a.length ? b : a), '')
  if (longest === '') return text
  const at = text.search(new RegExp(`(?<![^:])${longest}(?![^:])`))
  return `${text.slice(0, Math.max(0, at - 1))}::${text.slice(at + longest.length + 1)}`
}

/** An address and a port in the form of a URL: `127.0.0.1:3000`, `[::1]:3000`. */
export function endpointText({ address, port }: { address: string; port: number }): string {
  return `${address.includes(':') ? `[${address}]` : address}:${port}`
}

/** Whether `text` is a loopback address: 127.0.0.0/8, also IPv4-mapped, or ::1. */
export function isLoopback(text: string | undefined): boolean {
  const bytes = parseAddress(text)
  return bytes !== undefined && (bytes.length === 4 ? bytes[0] === 127 : bytes.equals(IPV6_LOOPBACK))
}

const IPV6_LOOPBACK = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])

/**
 * The bytes of an address for a socket of its family. Unlike {@link parseAddress} it leaves a mapped address unfolded.
 *
 * @throws Error when `text` is not an address
 */
export function rawAddress(text: string): Buffer {
  const bytes = text.includes(':') ? parseIPv6(text) : parseIPv4(text)
  if (bytes === undefined) throw new Error(`not an IP address: ${text}`)
  return bytes
}

function parseIPv4(text: string): Buffer | undefined {
  const bytes = Buffer.allocUnsafe(4)
  let at = 0
  for (let i = 0; i < 4; i++) {
    const start = at
    let value = 0
    for (; at < text.length; at++) {
      const digit = text.charCodeAt(at) - 48
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    const digits = at - start
    if (digits === 0 || digits > 3 || value > 255 || (digits > 1 && text[start] === '0')) return undefined
    bytes[i] = value
    if (i < 3 && text[at++] !== '.') return undefined
  }
  return at === text.length ? bytes : undefined
}

/** A zone id with any interface name. net.isIP rejects names that Linux allows, such as `br_lan`. */
const ZONE = /%[^\s%]+$/

function parseIPv6(text: string): Buffer | undefined {
  const [head, tail, more] = text.replace(ZONE, '').split('::')
  if (head === undefined || more !== undefined) return undefined
  const left = parseGroups(head, tail === undefined)
  const right = tail === undefined ? [] : parseGroups(tail, true)
  if (left === undefined || right === undefined) return undefined
  const given = left.length + right.length
  if (tail === undefined ? given !== 16 : given > 14) return undefined
  const bytes = Buffer.alloc(16)
  bytes.set(left)
  bytes.set(right, 16 - right.length)
  return bytes
}

/** @param isEnd - whether the address ends with this text: then its last group may be dotted IPv4 */
function parseGroups(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return []
  const bytes: number[] = []
  const groups = text.split(':')
  for (const [i, group] of groups.entries()) {
    if (isEnd && i === groups.length - 1 && group.includes('.')) {
      const dotted = parseIPv4(group)
      if (dotted === undefined) return undefined
      bytes.push(...dotted)
    } else {
      if (!/^[0-9a-f]{1,4}$/i.test(group)) return undefined
      const value = Number.parseInt(group, 16)
      bytes.push(value >> 8, value & 0xff)
    }
  }
  return bytes
}

/** Whether 16 bytes are in ::ffff:0:0/96 (RFC 4291 section 2.5.5.2). */
export function isMapped(bytes: Buffer): boolean {
  return bytes.readUInt32BE(8) === 0xffff && bytes.readUInt32BE(4) === 0 && bytes.readUInt32BE(0) === 0
}

/** Whether 16 bytes are a link-local (fe80::/10, RFC 4291) or unique-local (fc00::/7, RFC 4193) address. */
function isLocalScope(bytes: Buffer): boolean {
  const first = bytes.readUInt16BE(0)
  return (first & 0xffc0) === 0xfe80 || (first & 0xfe00) === 0xfc00
}

/** Clears the bits past the prefix, in place. */
function mask(bytes: Buffer, prefix: number): Buffer {
  for (let i = prefix >> 3; i < bytes.length; i++) {
    const kept = Math.max(0, prefix - i * 8)
    bytes[i] = bytes.readUInt8(i) & (0xff00 >> kept)
  }
  return bytes
}
