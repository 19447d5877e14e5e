// The bytes of struct sockaddr_in and sockaddr_in6 on Linux; see ip(7), ipv6(7).
import { isMapped } from '../affinity/address.ts'
import { AF_INET, AF_INET6 } from './constants.ts'

/** Bytes of a sockaddr_in6, the larger one. */
export const SOCKADDR_SIZE = 28

/** One sockaddr that the kernel fills in each call. */
export interface SockaddrReader {
  readonly bytes: Buffer
  /** The length argument for the next call. */
  length(): Buffer
  /** 4 or 16 bytes, which the next call overwrites; an IPv4-mapped address gives 4. Undefined for any other family. */
  address(): Buffer | undefined
}

export function sockaddrReader(): SockaddrReader {
  const bytes = Buffer.alloc(SOCKADDR_SIZE)
  const length = Buffer.alloc(4)
  // The views are made once, because address() runs for each connection.
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

/** The port in a sockaddr. */
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
