// A socket that shares its port, made by hand: Node's option of that name came with 22.12, and the pair of plain
// processes is what two workers are measured against on every version.
import { AF_INET6, SO_REUSEADDR, SO_REUSEPORT, SOCK_STREAM, SOL_SOCKET } from '../../src/native/constants.ts'
import { loadLibc } from '../../src/native/libc.ts'
import { makeSockaddr } from '../../src/native/sockaddr.ts'

/** Exit code that says: not on this machine. */
const NOT_AVAILABLE = 3

/** Bound to the port on every address, IPv4 too; a server listens on it by its descriptor. Ends the process where it cannot be. */
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
