// Numbers of Linux that Node does not export. They are those of the architectures that libc.ts supports.
import { constants } from 'node:os'

export const { EAGAIN, EINTR, ENOBUFS, ENOMEM } = constants.errno
/** Too many descriptors are queued in sockets (`man 7 unix`). */
export const ETOOMANYREFS = 109

export const AF_UNIX = 1
export const AF_INET = 2
export const AF_INET6 = 10

export const SOCK_STREAM = 1
export const SOCK_DGRAM = 2
export const SOCK_SEQPACKET = 5
export const SOCK_NONBLOCK = 0o4000
export const SOCK_CLOEXEC = 0o2000000

export const SOL_SOCKET = 1
export const SO_REUSEADDR = 2
export const SO_TYPE = 3
export const SO_REUSEPORT = 15
export const SO_ACCEPTCONN = 30
export const SO_DOMAIN = 39
export const SO_ATTACH_REUSEPORT_CBPF = 51
export const SCM_RIGHTS = 1

export const IPPROTO_TCP = 6
export const TCP_INFO = 11
export const IPPROTO_IPV6 = 41
export const IPV6_V6ONLY = 26

export const MSG_DONTWAIT = 0x40
export const MSG_NOSIGNAL = 0x4000
export const MSG_CMSG_CLOEXEC = 0x40000000

export const SHUT_WR = 1

export const F_SETFD = 2
export const FD_CLOEXEC = 1
export const F_GETFL = 3
export const F_SETFL = 4
export const O_NONBLOCK = 0o4000
export const F_DUPFD_CLOEXEC = 1030
