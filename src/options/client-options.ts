// The options about clients: their addresses, the proxies in front of them, their sessions.
import type { CookieRule } from '../affinity/cookie-rule.ts'
import type { SessionRequest, SessionRule } from '../affinity/session.ts'

export type { CookieRule, SessionRequest, SessionRule }

/** How a client address becomes the key that is hashed. Clients with the same key have the same worker. */
export interface AffinityOptions {
  /**
   * Number of leading bits of an IPv4 address that identify a client, 1 to 32.
   * @default 32
   * @example 24 // all clients of one /24 network have the same worker
   */
  ipv4Prefix?: number
  /**
   * Number of leading bits of an IPv6 address that identify a client, 1 to 128. A household or a phone usually has a
   * /64 network. Values above 64 need hand-off.
   * @default 64
   */
  ipv6Prefix?: number
  /**
   * A secret that changes which worker an address belongs to: an integer from 0 to 4294967295, or a text. Without it an
   * attacker can choose addresses that all belong to one worker. Hosts with the same seed agree on every client.
   * @default 0, no seed
   * @example process.env.HOLDFAST_SEED
   */
  seed?: number | string
}

/**
 * The PROXY protocol, versions 1 and 2. A proxy in front of Holdfast (HAProxy, nginx, a load balancer of a cloud) sends
 * a header with the client's address. Holdfast hashes and counts this address, and `socket.remoteAddress` has it.
 * `proxyOf()` returns the rest of the header.
 */
export interface ProxyProtocolOptions {
  /**
   * Addresses and CIDR networks of the proxies. They must send the header. Connections from other addresses are closed.
   * @example ['10.0.0.0/8', '::1']
   */
  trust: readonly string[]
  /** Milliseconds from the start of a connection to its complete header. @default 5000 */
  timeout?: number
  /** Bytes of the longest header that is accepted, 232 to 59997. @default 4096 */
  maxHeader?: number
  /**
   * Connections that may wait for their header at the same time. For one more, the connection that has waited longest
   * is closed.
   * @default 1024
   */
  maxWaiting?: number
}
