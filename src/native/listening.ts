// Inspects descriptors that another process opened: whether they are listening TCP sockets, and on which address.
import { fstatSync } from 'node:fs'
import { addressText } from '../affinity/address.ts'
import type { Address } from '../ipc/messages.ts'
import {
  AF_INET,
  AF_INET6,
  F_GETFL,
  F_SETFD,
  F_SETFL,
  FD_CLOEXEC,
  O_NONBLOCK,
  SO_ACCEPTCONN,
  SO_DOMAIN,
  SO_REUSEPORT,
  SO_TYPE,
  SOCK_STREAM,
  SOL_SOCKET,
} from './constants.ts'
import type { Libc } from './libc.ts'
import { sockaddrPort, sockaddrReader } from './sockaddr.ts'

/**
 * Why a descriptor is not a listening TCP socket.
 *
 * @param libc - without system calls only part of the problems can be found
 * @returns the second half of a sentence, such as `is not a socket`; undefined when there is no problem
 */
export function listeningProblem(libc: Libc | undefined, fd: number): string | undefined {
  try {
    if (!fstatSync(fd).isSocket()) return 'is not a socket'
  } catch {
    return 'is not open'
  }
  if (libc === undefined) return undefined
  const domain = option(libc, fd, SO_DOMAIN)
  if (option(libc, fd, SO_TYPE) !== SOCK_STREAM || (domain !== AF_INET && domain !== AF_INET6)) {
    return 'is not a TCP socket'
  }
  return option(libc, fd, SO_ACCEPTCONN) === 1 ? undefined : 'does not listen'
}

/** Whether other sockets may share the port of this one (SO_REUSEPORT). */
export function sharesPort(libc: Libc, fd: number): boolean {
  return option(libc, fd, SO_REUSEPORT) === 1
}

/** Sets the flags that Node sets on its own sockets: child processes do not inherit the descriptor, and calls never block. */
export function setSocketFlags(libc: Libc, fd: number): void {
  libc.fcntl(fd, F_SETFD, FD_CLOEXEC)
  libc.fcntl(fd, F_SETFL, libc.fcntl(fd, F_GETFL, 0) | O_NONBLOCK)
}

/** The address of a bound socket, in the form of `server.address()`. */
export function addressOf(libc: Libc, fd: number): Address {
  const name = sockaddrReader()
  libc.getsockname(fd, name.bytes, name.length())
  const port = sockaddrPort(name.bytes)
  const isIPv4 = name.bytes.readUInt16LE(0) === AF_INET
  const bytes = isIPv4 ? name.bytes.subarray(4, 8) : name.bytes.subarray(8, 24)
  return { address: addressText(bytes), family: isIPv4 ? 'IPv4' : 'IPv6', port }
}

function option(libc: Libc, fd: number, name: number): number {
  const value = Buffer.alloc(4)
  const length = Buffer.from(Uint32Array.of(4).buffer)
  return libc.getsockopt(fd, SOL_SOCKET, name, value, length) < 0 ? -1 : value.readInt32LE(0)
}
