// What can be said about the first bytes of a connection that should begin with a PROXY protocol header.

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

export function more(bytes: number): ProxyVerdict {
  return { type: 'more', bytes }
}

export function bad(reason: ProxyFault): ProxyVerdict {
  return { type: 'bad', reason }
}
