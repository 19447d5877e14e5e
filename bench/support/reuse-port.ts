// Makes a socket that shares its port, with system calls: Node has the option reusePort only since 22.12, and every
// version needs the pair of plain processes for the comparison.
import { AF_INET6, SO_REUSEADDR, SO_REUSEPORT, SOCK_STREAM, SOL_SOCKET } from '../../src/native/constants.ts'
import { loadLibc } from '../../src/native/libc.ts'
import { makeSockaddr } from '../../src/native/sockaddr.ts'

/** Exit code: this machine cannot do it. */
const NOT_AVAILABLE = 3

/** Binds a socket to the port on all addresses, IPv4 too. Ends the process if that fails. @returns the descriptor */
export function reusePortSocket(port: number): number {
  const { libc, reason } = loadLibc()
  if (libc === undefined) {
    process.stderr.write(`${reason}\n`)
    process.exit(NOT_AVAILABLE)
  }
  const on = Buffer.alloc(4)
  on.writeInt32LE(1)
  const fd = libc.socket(AF_INET6, SOCK_STREAM, 0)
  for (const option of [SO_REUSEADDR, SO_REUSEPORT]) libc.setsockopt(fd, SOL_SOCKET, option, on, on.length)
  const address = makeSockaddr(Buffer.alloc(16), port)
  const result = libc.bind(fd, address, address.length)
  if (result < 0) throw new Error(`bind to port ${port}: error ${-result}`)
  return fd
}
