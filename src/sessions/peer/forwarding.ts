// What the ways to another worker have in common: what they need, and what to say when it ends under a request.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { StickyError } from '../../errors.ts'
import type { Peer } from '../../ipc/messages.ts'
import { mayHaveBody } from './forward-headers.ts'
import { processRuntime } from '../../runtime.ts'

export interface Forwarding {
  peer: Peer
  /** Of the peer sockets. */
  folder: string
  counters: ForwardCounters
  /** The worker was never reached, and nothing was sent. */
  absent: () => void
  /** It is of no session, and goes to the worker of its client's address. */
  free?: boolean
}

export interface ForwardCounters {
  /** Requests and upgrades that were sent to another worker's peer socket. */
  forwarded: number
  /** Of these, whose worker ended while they were there. */
  failed: number
}

/** It can be sent twice, and has no body that was sent once already. */
export function isRepeatable(request: IncomingMessage): boolean {
  return (request.method === 'GET' || request.method === 'HEAD') && !mayHaveBody(request)
}

/** The worker ended under a request. */
export function answerGone(response: ServerResponse, peer: Peer, reason: string, counters: ForwardCounters): void {
  logGone(peer, reason, counters)
  response.writeHead(502, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' })
  const { code, message } = new StickyError('HOLDFAST_OWNER_GONE')
  response.end(`${code}: ${message}\n`)
}

/** The same, where there is no response to answer with. */
export function logGone({ worker }: Peer, reason: string, counters: ForwardCounters): void {
  counters.failed++
  processRuntime.logger.warn('forward.failed', { worker, reason })
}
