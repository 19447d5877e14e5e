// Node's own code behind `listen()`, which opens the socket: the place where the command takes over the servers of a program.
import { Server } from 'node:net'
import { getSystemErrorMap } from 'node:util'
import type { ListenArguments, ServerInside } from '../serving/attach.ts'

/** Of Node's flags for a TCP socket: `::` includes no addresses of IPv4. */
const IPV6_ONLY = 1

/**
 * @param server - of the program, which has called `listen()`
 * @param open - Node's code: opens the socket, or finishes the call where the server has a handle by then
 * @returns false where Node is to open the socket
 */
export type TakeOver = (server: Server & ServerInside, args: ListenArguments, open: () => void) => boolean

/** Asks the function about each server that is about to listen. The one that was set last is asked first. */
export function interceptOpenSocket(takeOver: TakeOver): void {
  const inside = Server.prototype as Server & ServerInside
  const openSocket = inside._listen2
  if (openSocket === undefined) return // an unknown Node: each worker listens by itself
  inside._listen2 = function (this: Server & ServerInside, ...args) {
    const open = (): void => Reflect.apply(openSocket, this, args)
    if (!takeOver(this, args, open)) open()
  }
}

export function isIPv6Only([, , , , , flags = 0]: ListenArguments): boolean {
  return (flags & IPV6_ONLY) !== 0
}

/** The number of the error on this platform, and its meaning; undefined for a code that is none of the system. */
export function systemError(code: string): { errno: number; meaning: string } | undefined {
  for (const [errno, [name, meaning]] of getSystemErrorMap()) if (name === code) return { errno, meaning }
  return undefined
}
