// Some programs connect to their port before they listen, take it for the port of another program when that succeeds, and
// listen on another one. The port is open already: the primary listens on it.
import { Socket } from 'node:net'
import { isPath, type Address, type ListenTarget } from '../ipc/listen-target.ts'
import type { Logger } from '../logger.ts'

export interface PortProbe {
  /** Whether this process has connected to the port. */
  readonly wasSeen: boolean
}

/** Watches from now on whether this process connects to the port. */
export function watchForProbe(port: number): PortProbe {
  const connect = Reflect.get(Socket.prototype, 'connect') as (...args: unknown[]) => Socket
  let wasSeen = false
  const watch = (args: readonly unknown[]): boolean => portOf(args) === port
  Socket.prototype.connect = function (this: Socket, ...args: unknown[]): Socket {
    wasSeen ||= watch(args)
    return Reflect.apply(connect, this, args)
  }
  return {
    get wasSeen() {
      return wasSeen
    },
  }
}

/** The program listens on another port than its own, after it has looked whether its own is taken. */
export function warnAboutProbe(logger: Logger, { port }: Address, target: ListenTarget): void {
  const instead = isPath(target) ? target.path : target.port
  const reason = `the program connected to port ${port}, found it open, and listens on another port`
  const hint = `Holdfast holds port ${port} open for the program: switch this check off, and let the program only listen`
  logger.warn('command.port-probe', { port, instead, reason, hint })
}

/** Of the arguments of `connect()`: (options), (port, host), or what `net.connect()` makes of them, an array. */
function portOf([first]: readonly unknown[]): number {
  const value: unknown = Array.isArray(first) ? first[0] : first
  return Number(typeof value === 'object' && value !== null ? Reflect.get(value, 'port') : value)
}
