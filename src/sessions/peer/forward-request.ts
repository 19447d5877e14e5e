// A request goes on to its worker, over the mux to that process; streams of HTTP/2 and some upgrades go over HTTP.
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Http2ServerRequest } from 'node:http2'
import { OutgoingStreams } from './outgoing-streams.ts'
import { forwardStream } from './forward-http.ts'
import { answerGone, isRepeatable, type Forwarding } from './forwarding.ts'
import { processRuntime } from '../../runtime.ts'
import { peerSocketPath } from './peer-socket.ts'

/** By process. */
const muxes = new Map<number, OutgoingStreams>()

/** Requests that went to a process which ended before it read them: once more, and no more. */
const repeated = new WeakSet<IncomingMessage>()

/** @param event - under which the application would have heard of it */
export function forwardRequest(
  request: IncomingMessage,
  response: ServerResponse,
  event: string,
  forwarding: Forwarding,
): void {
  const { peer, folder, counters, absent, free = false } = forwarding
  counters.forwarded++
  if (processRuntime.isDraining) response.shouldKeepAlive = false
  // The answer to a stream of HTTP/2 is not made of bytes that can be passed on.
  if (request instanceof Http2ServerRequest) return forwardStream(request, response, event, forwarding)
  const { instance } = peer
  let mux = muxes.get(instance)
  if (mux === undefined) {
    mux = new OutgoingStreams(peerSocketPath(folder, instance), () => muxes.delete(instance))
    muxes.set(instance, mux)
  }
  mux.make(request, response, event, free, {
    absent,
    gone(reason, unread) {
      if (!unread || repeated.has(request) || !isRepeatable(request))
        return answerGone(response, peer, reason, counters)
      repeated.add(request)
      absent()
    },
    broken: () => counters.failed++,
  })
}
