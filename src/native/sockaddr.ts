// struct sockaddr_in and sockaddr_in6 of Linux as bytes; see ip(7), ipv6(7).
import { isMapped } from '../affinity/address.ts'
import { AF_INET, AF_INET6 } from './constants.ts'

/** Enough for either. */
export const SOCKADDR_SIZE = 28

/** A sockaddr for the kernel to fill, over and over. */
export interface SockaddrReader {
  readonly bytes: Buffer
  /** The length argument of a call, reset. */
  length(): Buffer
  /** 4 or 16 bytes that change with the next call; mapped IPv4 gives 4. Undefined for any other family. */
  address(): Buffer | undefined
}

export function sockaddrReader(): SockaddrReader {
  const bytes = Buffer.alloc(SOCKADDR_SIZE)
  const length = Buffer.alloc(4)
  // The views are made once: this runs for each connection.
  const v4 = bytes.subarray(4, 8)
  const v6 = bytes.subarray(8, 24)
  const mapped = bytes.subarray(20, 24)
  return {
    bytes,
    length() {
      length.writeUInt32LE(SOCKADDR_SIZE)
      return length
    },
    address() {
      const family = bytes.readUInt16LE(0)
      if (family === AF_INET) return v4
      if (family !== AF_INET6) return undefined
      return isMapped(v6) ? mapped : v6
    },
  }
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
