// Counts the requests that this worker's application answers, and how long it takes.
import { Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { Server as HttpsServer } from 'node:https'
import type { Server } from 'node:net'
import { count, countAnswer, noCounts } from '../ipc/request-counts.ts'

/**
 * Counts what the application hears of: also what came in at another worker, and not what went to one.
 *
 * To be called when the application's listeners are there. A server without listeners for requests is not looked at: with
 * one Node's HTTP/2 would make requests of all streams.
 *
 * @returns the counts so far; see request-counts.ts
 */
export function countRequests(server: Server): readonly number[] {
  const counts = noCounts()
  /** Applications that are asked for the body say 'request' themselves. */
  const asked = new WeakSet<ServerResponse>()
  const ask = (request: IncomingMessage, response: ServerResponse): void => {
    begin(request, response)
    asked.add(response)
  }
  const begin = (_: IncomingMessage, response: ServerResponse): void => {
    if (asked.has(response)) return
    const begun = performance.now()
    response.once('close', () => {
      if (response.writableFinished) countAnswer(counts, response.statusCode, performance.now() - begun)
      else count(counts, 'aborted')
    })
  }
  if (server.listenerCount('request') > 0) server.prependListener('request', begin)
  if (server.listenerCount('checkContinue') > 0) server.prependListener('checkContinue', ask)
  // With a listener for upgrades Node would not take them for plain requests any more.
  if (server.listenerCount('upgrade') > 0 && (server instanceof HttpServer || server instanceof HttpsServer)) {
    server.prependListener('upgrade', () => count(counts, 'upgrades'))
  }
  return counts
}
