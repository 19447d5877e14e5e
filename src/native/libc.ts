// System calls that Node does not offer, through koffi, which is an optional package.
import { createRequire } from 'node:module'
import { constants, endianness } from 'node:os'
import { describe } from '../errors.ts'

/**
 * System calls of Linux. Each returns the result of the call, or minus errno. The calls read and fill buffers in place.
 */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number
  /** @param pair - two int32 */
  socketpair(domain: number, type: number, protocol: number, pair: Buffer): number
  bind(fd: number, address: Buffer, length: number): number
  connect(fd: number, address: Buffer, length: number): number
  listen(fd: number, backlog: number): number
  /** @param length - one uint32: the size of `address`, before and after the call */
  accept4(fd: number, address: Buffer, length: Buffer, flags: number): number
  getsockname(fd: number, address: Buffer, length: Buffer): number
  getpeername(fd: number, address: Buffer, length: Buffer): number
  setsockopt(fd: number, level: number, name: number, value: Buffer, length: number): number
  getsockopt(fd: number, level: number, name: number, value: Buffer, length: Buffer): number
  sendmsg(fd: number, message: Buffer, flags: number): number
  recvmsg(fd: number, message: Buffer, flags: number): number
  read(fd: number, bytes: Buffer, length: number): number
  write(fd: number, bytes: Buffer, length: number): number
  fcntl(fd: number, command: number, argument: number): number
  shutdown(fd: number, how: number): number
  close(fd: number): number
  /** The memory address of a buffer. The buffer must live as long as the address is used. */
  pointerTo(bytes: Buffer): bigint
}

/** The system calls, or the reason why they are not available. */
export type LibcResult = { libc: Libc; reason?: never } | { libc?: never; reason: string }

type NativeFunction = (...args: unknown[]) => number

/** The functions of koffi that are used here. */
interface Koffi {
  load(path: null): { func(declaration: string): NativeFunction }
  errno(): number
  address(value: Buffer): bigint
}

let result: LibcResult | undefined

/** Loads the system calls on the first use. */
export function loadLibc(): LibcResult {
  result ??= load()
  return result
}

function load(): LibcResult {
  if (process.platform !== 'linux') return { reason: `${process.platform} is not Linux` }
  // scm-rights.ts and reuseport.ts have the struct layouts of 64-bit little-endian Linux.
  if (!['x64', 'arm64', 'riscv64', 'loong64'].includes(process.arch) || endianness() !== 'LE') {
    return { reason: `not made for ${process.arch}` }
  }
  if (process.env['HOLDFAST_NATIVE'] === '0') return { reason: 'switched off by HOLDFAST_NATIVE=0' }
  let reason = ''
  for (const loadAddon of [addonOfPrimary, platformPackage, wholePackage]) {
    try {
      const libc = declare(loadAddon())
      const bad = libc.close(-1)
      if (bad === -constants.errno.EBADF) return { libc }
      reason = `koffi answers ${bad} where EBADF is expected`
    } catch (error) {
      reason = `koffi is not usable: ${describe(error).split('\n')[0]}`
    }
  }
  return { reason }
}

const require = createRequire(import.meta.url)

/** Names the file of the addon to the workers. */
const ADDON = 'HOLDFAST_ADDON'

let addonFile: string | undefined

/**
 * The environment with which the workers load the addon that this process has loaded: without a search they are ready
 * sooner, and smaller by half a megabyte.
 */
export function addonEnvironment(): Record<string, string> {
  return addonFile === undefined ? {} : { [ADDON]: addonFile }
}

/** In a worker, the addon that its primary found. */
function addonOfPrimary(): Koffi {
  addonFile = process.env[ADDON]
  if (!addonFile) throw new Error(`no ${ADDON}`)
  return require(addonFile) as Koffi
}

/** The package with koffi's addon for this platform. The package koffi loads the same one, after a longer search. */
function platformPackage(): Koffi {
  addonFile = undefined
  const fromKoffi = createRequire(require.resolve('koffi'))
  const main = fromKoffi.resolve(`@koromix/koffi-${process.platform}-${process.arch}`)
  const koffi = fromKoffi(main) as Koffi
  addonFile = require.cache[main]?.children.find(({ filename }) => filename.endsWith('.node'))?.filename
  return koffi
}

/** Where koffi was built from source, or is laid out in another way. */
function wholePackage(): Koffi {
  addonFile = undefined
  return require('koffi') as Koffi
}

/** Each function is declared on its first call, because a process calls only some of them. */
function declare(koffi: Koffi): Libc {
  const self = koffi.load(null)
  const call = (declaration: string) => {
    let native: NativeFunction | undefined
    return (...args: (number | Buffer)[]): number => {
      native ??= self.func(declaration)
      const returned = native(...args)
      return returned < 0 ? -koffi.errno() : returned
    }
  }
  return {
    socket: call('int socket(int domain, int type, int protocol)'),
    socketpair: call('int socketpair(int domain, int type, int protocol, void *pair)'),
    bind: call('int bind(int fd, void *address, uint32_t length)'),
    connect: call('int connect(int fd, void *address, uint32_t length)'),
    listen: call('int listen(int fd, int backlog)'),
    accept4: call('int accept4(int fd, void *address, void *length, int flags)'),
    getsockname: call('int getsockname(int fd, void *address, void *length)'),
    getpeername: call('int getpeername(int fd, void *address, void *length)'),
    setsockopt: call('int setsockopt(int fd, int level, int name, void *value, uint32_t length)'),
    getsockopt: call('int getsockopt(int fd, int level, int name, void *value, void *length)'),
    sendmsg: call('int64_t sendmsg(int fd, void *message, int flags)'),
    recvmsg: call('int64_t recvmsg(int fd, void *message, int flags)'),
    read: call('int64_t read(int fd, void *bytes, size_t length)'),
    write: call('int64_t write(int fd, void *bytes, size_t length)'),
    fcntl: call('int fcntl(int fd, int command, int argument)'),
    shutdown: call('int shutdown(int fd, int how)'),
    close: call('int close(int fd)'),
    pointerTo: (bytes) => koffi.address(bytes),
  }
}
