// Sends one request from a chosen address. On Linux all of 127.0.0.0/8 belong to this machine.
import { once } from 'node:events'
import http from 'node:http'
import { json } from 'node:stream/consumers'

export interface Reply {
  worker: number
  pid: number
  address: string
  [more: string]: unknown
}

/** @returns the JSON of the answer. Rejects if this machine has no such address, and if there is no answer. */
export async function visit(port: number, from: string): Promise<Reply> {
  const host = from.includes(':') ? '::1' : '127.0.0.1'
  const [response] = (await once(http.get({ host, port, localAddress: from, agent: false }), 'response')) as [
    http.IncomingMessage,
  ]
  return (await json(response)) as Reply
}
