// struct sockaddr_in and sockaddr_in6 of Linux as bytes; see ip(7), ipv6(7).

export const AF_INET = 2
export const AF_INET6 = 10

/** Enough for either. */
export const SOCKADDR_SIZE = 28

/**
 * The address in a sockaddr: 4 or 16 bytes, sharing the memory of `sockaddr`.
 *
 * @returns undefined when it is neither IPv4 nor IPv6
 */
export function sockaddrAddress(sockaddr: Buffer): Buffer | undefined {
  const family = sockaddr.readUInt16LE(0)
  if (family === AF_INET) return sockaddr.subarray(4, 8)
  if (family === AF_INET6) return sockaddr.subarray(8, 24)
  return undefined
}

/** Port of a sockaddr. */
export function sockaddrPort(sockaddr: Buffer): number {
  return sockaddr.readUInt16BE(2)
}

/** @param address - 4 or 16 bytes */
export function makeSockaddr(address: Buffer, port: number, scope = 0): Buffer {
  const v4 = address.length === 4
  const sockaddr = Buffer.alloc(v4 ? 16 : SOCKADDR_SIZE)
  sockaddr.writeUInt16LE(v4 ? AF_INET : AF_INET6, 0)
  sockaddr.writeUInt16BE(port, 2)
  address.copy(sockaddr, v4 ? 4 : 8)
  if (!v4) sockaddr.writeUInt32LE(scope, 24)
  return sockaddr
}
