// The group of slot sockets: one listening socket per slot on one port, and the program that picks a socket for each
// connection.
import { getSystemErrorName } from 'node:util'
import { SLOTS } from '../slots/hash.ts'
import { encodeProgram, type Instruction } from './cbpf.ts'
import { acceptor } from './accept.ts'
import {
  AF_INET,
  AF_INET6,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_V6ONLY,
  SO_ATTACH_REUSEPORT_CBPF,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_INFO,
} from './constants.ts'
import type { Libc } from './libc.ts'
import { makeSockaddr, sockaddrPort, SOCKADDR_SIZE } from './sockaddr.ts'

/** Offset of tcpi_unacked in struct tcp_info. On a listening socket this field is the number of queued connections. */
const TCPI_UNACKED = 24

/** A failed system call. `code` is the name of the error, such as EADDRINUSE. */
export class SystemCallError extends Error {
  readonly code: string

  constructor(call: string, result: number) {
    const code = getSystemErrorName(result)
    super(`${call}: ${code}`)
    this.code = code
  }
}

/** 256 listening sockets on one port; socket n serves slot n. */
export interface SlotGroup {
  readonly port: number
  /** Descriptors by slot. */
  readonly sockets: readonly number[]
  /** The number of connections in the queue of a slot. */
  queued(slot: number): number
  /**
   * Accepts one connection of a slot.
   *
   * @returns its descriptor and the client's port; undefined when the queue is empty
   */
  accept(slot: number): { fd: number; port: number } | undefined
  close(): void
}

export interface GroupOptions {
  /** 4 or 16 bytes; 16 zeros for every address, IPv4 included. */
  address: Buffer
  /** 0 picks a free port. */
  port: number
  /** Queued connections per slot. */
  backlog: number
  program: readonly Instruction[]
}

/**
 * Opens the group.
 *
 * The program is attached once, to the first socket, before bind(2). Then bind(2) refuses a port that another process
 * holds, and the program is never replaced, which older kernels do without a grace period. The index of a slot is the
 * order of listen(2), so a socket that another process of the same user adds later has index 256 and gets no
 * connection. No socket may be closed while the group is in use, because the last socket would take its index.
 *
 * @throws SystemCallError
 */
export function openGroup(libc: Libc, options: GroupOptions): SlotGroup {
  const all: number[] = []
  try {
    return open(libc, options, all)
  } catch (error) {
    for (const fd of all) libc.close(fd)
    throw error
  }
}

function open(libc: Libc, { address, port: wanted, backlog, program }: GroupOptions, all: number[]): SlotGroup {
  const flag = Buffer.alloc(4)
  const set = (fd: number, level: number, name: number, value: number): void => {
    flag.writeInt32LE(value)
    check('setsockopt', libc.setsockopt(fd, level, name, flag, flag.length))
  }
  let port = wanted
  const bound = (attach: boolean): number => {
    const family = address.length === 4 ? AF_INET : AF_INET6
    const fd = check('socket', libc.socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0))
    all.push(fd)
    set(fd, SOL_SOCKET, SO_REUSEADDR, 1)
    set(fd, SOL_SOCKET, SO_REUSEPORT, 1)
    if (family === AF_INET6) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0)
    if (attach) attachProgram(libc, fd, program)
    const sockaddr = makeSockaddr(address, port)
    check('bind', libc.bind(fd, sockaddr, sockaddr.length))
    if (port === 0) port = portOf(libc, fd)
    return fd
  }
  const sockets = Array.from({ length: SLOTS }, (_, slot) => bound(slot === 0))
  for (const fd of sockets) check('listen', libc.listen(fd, backlog))
  return adoptGroup(libc, sockets, port)
}

/**
 * The group of sockets that another process opened with {@link openGroup}. The program is still attached, and must not
 * be attached again: older kernels free the previous program while it may still run.
 *
 * @param sockets - descriptors by slot
 */
export function adoptGroup(libc: Libc, sockets: readonly number[], port: number): SlotGroup {
  const all = [...sockets]
  const info = Buffer.alloc(TCPI_UNACKED + 4)
  const length = Buffer.alloc(4)
  const accepting = acceptor(libc)
  return {
    port,
    sockets,
    queued(slot) {
      length.writeUInt32LE(info.length)
      const result = libc.getsockopt(sockets[slot] ?? -1, IPPROTO_TCP, TCP_INFO, info, length)
      return result < 0 ? 0 : info.readUInt32LE(TCPI_UNACKED)
    },
    accept(slot) {
      const fd = accepting.next(sockets[slot] ?? -1)
      return fd < 0 ? undefined : { fd, port: sockaddrPort(accepting.peer.bytes) }
    },
    close() {
      for (const fd of all.splice(0)) libc.close(fd)
    },
  }
}

/** Passes a struct sock_fprog: the number of instructions and a pointer to them. */
function attachProgram(libc: Libc, fd: number, program: readonly Instruction[]): void {
  const instructions = encodeProgram(program)
  const fprog = Buffer.alloc(16)
  fprog.writeUInt16LE(program.length, 0)
  fprog.writeBigUInt64LE(libc.pointerTo(instructions), 8)
  check('SO_ATTACH_REUSEPORT_CBPF', libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, fprog, fprog.length))
}

function portOf(libc: Libc, fd: number): number {
  const sockaddr = Buffer.alloc(SOCKADDR_SIZE)
  const length = Buffer.alloc(4)
  length.writeUInt32LE(SOCKADDR_SIZE)
  check('getsockname', libc.getsockname(fd, sockaddr, length))
  return sockaddrPort(sockaddr)
}

function check(call: string, result: number): number {
  if (result < 0) throw new SystemCallError(call, result)
  return result
}
