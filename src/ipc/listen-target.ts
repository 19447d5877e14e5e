// Where a server wants to listen, as a worker tells the primary. Workers that name the same target share one listener.
// Pure.

/** The public address of the balancer, as `server.address()` gives it. */
export interface Address {
  address: string
  family: 'IPv4' | 'IPv6'
  port: number
}

/** A TCP port of an address, or a path. */
export type ListenTarget = TcpTarget | PathTarget

export interface TcpTarget {
  /** 0 picks a free port. */
  port: number
  /** undefined: every address, of IPv6 too where IPv6 is on. */
  host: string | undefined
  /** Whether an address of IPv6 takes no clients of IPv4. */
  ipv6Only?: boolean
  /** Port 0 is another port for each server of a program: which one this is, in the order of the calls. */
  index?: number
}

export interface PathTarget {
  /** Of a Unix socket, or the name of a pipe of Windows. */
  path: string
  /** As in Node's options of `server.listen()`. */
  readableAll?: boolean
  writableAll?: boolean
}

/** A listener that the primary has opened. */
export interface OpenListener {
  /** 0 to 255. */
  id: number
  /** See {@link listenKey}. */
  key: string
  /** What `server.address()` returns. */
  address: Address | string
  /** Whether it stays open as long as the primary lives. */
  isPermanent: boolean
}

/** What `server.address()` is made to return on that listener; undefined for a path, which Node itself knows. */
export function addressOn({ address }: Pick<OpenListener, 'address'>): Address | undefined {
  return typeof address === 'string' ? undefined : address
}

export function isPath(target: ListenTarget): target is PathTarget {
  return 'path' in target
}

/** The same text for targets that are one listener. */
export function listenKey(target: ListenTarget): string {
  if (isPath(target)) return `path ${target.path}`
  const { port, host = '::', ipv6Only = false, index = 0 } = target
  return `${host}${ipv6Only ? ' only' : ''} ${port}${port === 0 ? ` ${index}` : ''}`
}

/** Slots have the numbers 0 to 255 on each listener. */
const SLOT_BITS = 8

/** The number of the socket of a slot, in kernel steering: of all sockets of all listeners, 0 to 65535. */
export function socketNumber(listener: number, slot: number): number {
  return (listener << SLOT_BITS) | slot
}

/** The opposite of {@link socketNumber}. */
export function listenerOfSocket(number: number): number {
  return number >> SLOT_BITS
}

/** The opposite of {@link socketNumber}. */
export function slotOfSocket(number: number): number {
  return number & ((1 << SLOT_BITS) - 1)
}

/** Whether the value has the fields of a target. */
export function isListenTarget(value: unknown): value is ListenTarget {
  if (typeof value !== 'object' || value === null) return false
  const { path, port, host } = value as Partial<TcpTarget & PathTarget>
  if (path !== undefined) return typeof path === 'string'
  const isPort = Number.isInteger(port) && Number(port) >= 0 && Number(port) <= 65535
  return isPort && (host === undefined || typeof host === 'string')
}
