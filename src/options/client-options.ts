// Who is the client? The options about it: addresses, what a proxy tells, sessions.
import type { SessionRequest, SessionRule } from '../affinity/session.ts'

export type { SessionRequest, SessionRule }

/** How a client address becomes the key that is hashed. */
export interface AffinityOptions {
  /**
   * Leading bits of an IPv4 address that tell clients apart, 1 to 32.
   * @default 32
   * @example 24 // a whole /24 goes to one worker
   */
  ipv4Prefix?: number
  /**
   * Leading bits of an IPv6 address, 1 to 128. One household or phone usually has a /64.
   * @default 64
   */
  ipv6Prefix?: number
  /**
   * A secret that strangers would need to aim their addresses at one worker: an unsigned 32-bit integer or any text.
   * Hosts with the same seed agree on every client.
   * @default 0 (none)
   * @example process.env.HOLDFAST_SEED
   */
  seed?: number | string
}

/**
 * The PROXY protocol, versions 1 and 2: what stands before Holdfast (HAProxy, nginx, a cloud's balancer) sends a header
 * that tells the client's address. That address is hashed, counted, and what `socket.remoteAddress` says; `proxyOf()`
 * tells the rest.
 */
export interface ProxyProtocolOptions {
  /**
   * Addresses and CIDR networks of those proxies. They must send the header; connections of anybody else are closed.
   * @example ['10.0.0.0/8', '::1']
   */
  trust: readonly string[]
  /** Milliseconds from the connection to its complete header. @default 5000 */
  timeout?: number
  /** Bytes of the longest header that is taken, 232 to 59997. @default 4096 */
  maxHeader?: number
  /**
   * Connections that may wait for their header at the same time. When one more comes, the one that has waited longest is
   * closed. @default 1024
   */
  maxWaiting?: number
}
