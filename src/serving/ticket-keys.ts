// The keys of TLS session tickets. Node's server makes random ones, so a client that comes to another process, or to the
// successor of a process, would need a full handshake. All workers get the same keys from the primary instead.
import { Server } from 'node:net'
import type { Server as TlsServer } from 'node:tls'
import type { PrimaryChannel } from '../ipc/channel.ts'
import { isTls } from './target.ts'

export interface SharedTicketKeys {
  /** The server gets the keys of the primary now or when they come, unless the application sets keys of its own. */
  attach(server: Server): void
}

export function sharedTicketKeys(channel: PrimaryChannel): SharedTicketKeys {
  const servers = new Set<TlsServer>()
  let keys: Buffer | undefined
  let former: Buffer | undefined
  channel.on('ticket-keys', (message) => {
    former = keys
    keys = Buffer.from(message.keys, 'base64')
    for (const server of servers) setKeys(server, keys, former)
  })
  return {
    attach(server) {
      if (!isTls(server)) return
      servers.add(server)
      if (keys !== undefined) setKeys(server, keys, former)
    },
  }
}

/** Node reads the property in `setSecureContext()`, with which an application renews its certificate. */
type WithOption = TlsServer & { ticketKeys?: Buffer | undefined }

/** @param former - what this function has set before */
function setKeys(server: WithOption, keys: Buffer, former: Buffer | undefined): void {
  const isOption = server.ticketKeys !== undefined && server.ticketKeys !== former
  if (isOption || serversWithOwnKeys.has(server)) return
  setWithOriginal(server, keys)
  server.ticketKeys = keys
}

/** Servers for which the application has called `setTicketKeys()`. */
const serversWithOwnKeys = new WeakSet<object>()

type SetTicketKeys = (this: TlsServer, keys: Buffer) => void

const METHOD = 'setTicketKeys'

/** Node's own method, where {@link watchTicketKeys} has replaced it. */
let original: SetTicketKeys | undefined

function setWithOriginal(server: TlsServer, keys: Buffer): void {
  if (original === undefined) server.setTicketKeys(keys)
  else Reflect.apply(original, server, [keys])
}

/**
 * Notes from now on for which servers the application calls `setTicketKeys()`; nothing else tells such keys from random ones.
 *
 * node:tls takes megabytes, and many workers never load it. So this function does not load it either: if it is not there
 * yet, a property of its prototype's prototype notices when node:tls defines the method.
 */
export function watchTicketKeys(): void {
  if (isWatching) return
  isWatching = true
  const { moduleLoadList } = process as { moduleLoadList?: readonly string[] }
  if (moduleLoadList?.includes('NativeModule tls')) {
    const { prototype } = process.getBuiltinModule('node:tls').Server
    replace(prototype, Reflect.get(prototype, METHOD))
    return
  }
  Object.defineProperty(Server.prototype, METHOD, {
    configurable: true,
    get: () => undefined,
    set(this: object, method: SetTicketKeys) {
      Reflect.deleteProperty(Server.prototype, METHOD)
      replace(this, method)
    },
  })
}

let isWatching = false

function replace(prototype: object, method: SetTicketKeys): void {
  original = method
  const value = function setTicketKeys(this: TlsServer, keys: Buffer): void {
    serversWithOwnKeys.add(this)
    Reflect.apply(method, this, [keys])
  }
  Object.defineProperty(prototype, METHOD, { configurable: true, enumerable: true, writable: true, value })
}
