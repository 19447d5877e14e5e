// Counts the requests that the application of this worker answers, and measures how long the answers take.
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import { count, countAnswer } from '../ipc/request-counts.ts'
import { isHttp } from '../serving/target.ts'

/**
 * Counts the requests that reach the application: also those that came in at another worker, and not those that are
 * forwarded to another one.
 *
 * @param server - has the application's listeners already. A server without a listener for requests gets none here,
 *   because with one Node's HTTP/2 makes a request of each stream.
 * @param counts - are increased, see request-counts.ts
 */
export function countRequests(server: Server, counts: number[]): void {
  /** Responses of 'checkContinue', for which the application emits 'request' in many cases. */
  const counted = new WeakSet<ServerResponse>()
  const onCheckContinue = (request: IncomingMessage, response: ServerResponse): void => {
    onRequest(request, response)
    counted.add(response)
  }
  const onRequest = (_: IncomingMessage, response: ServerResponse): void => {
    if (counted.has(response)) return
    const startedAt = performance.now()
    response.once('close', () => {
      if (response.writableFinished) countAnswer(counts, response.statusCode, performance.now() - startedAt)
      else count(counts, 'aborted')
    })
  }
  if (server.listenerCount('request') > 0) server.prependListener('request', onRequest)
  if (server.listenerCount('checkContinue') > 0) server.prependListener('checkContinue', onCheckContinue)
  // Without a listener for upgrades Node takes them for plain requests, so none is added where there is none.
  if (server.listenerCount('upgrade') > 0 && isHttp(server)) {
    server.prependListener('upgrade', () => count(counts, 'upgrades'))
  }
}
