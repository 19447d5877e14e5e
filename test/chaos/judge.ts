// Which failures of clients are fair? Pure. Only those whom a process that was killed was serving may notice.

/** How a request, a WebSocket message or the opening of a connection ended instead of with its answer. */
export interface Failure {
  from: string
  client: 'short' | 'kept' | 'websocket' | 'control'
  /** refused: nobody listened. hung: no end came within the limit. broken: it was cut off. */
  how: 'refused' | 'hung' | 'broken'
  /** When it was begun, on the monotonic clock. */
  began: number
  /** Who serves the connection, as far as the client was told. */
  pid: number | undefined
  message: string
}

/** Why a client may be cut off. Times on the monotonic clock. */
export type Excuse =
  /** A process was killed, or stopped in order to be; from `deafSince` on it cannot have taken any connection. */
  | { why: 'killed'; pid: number; worker: number; deafSince: number }
  /** It closes connections without a request: who sends at that very moment has to send again, as to any server. */
  | { why: 'finishing'; pid: number; since: number }
  /** Out of descriptors, a worker that accepts by itself closes new connections, as any Node server does. */
  | { why: 'exhausted'; worker: number; from: number; to: number }

/** Milliseconds within which a signal or a request has done its work. */
const SLACK = 20

/**
 * The failures without an excuse.
 *
 * @param owners - the workers that a client's slot has belonged to meanwhile
 */
export function unexcused(
  failures: readonly Failure[],
  excuses: readonly Excuse[],
  owners: (from: string) => ReadonlySet<number>,
): Failure[] {
  const covers = (excuse: Excuse, { client, from, began, pid }: Failure): boolean => {
    if (excuse.why === 'finishing') return client === 'kept' && pid === excuse.pid && began >= excuse.since
    if (pid !== undefined) return excuse.why === 'killed' && pid === excuse.pid
    // It had not heard of anybody yet: it may have been with that worker, if it came in time.
    if (!owners(from).has(excuse.worker)) return false
    if (excuse.why === 'killed') return began <= excuse.deafSince + SLACK
    return began >= excuse.from - SLACK && began <= excuse.to + SLACK
  }
  return failures.filter((failure) => failure.how !== 'broken' || !excuses.some((excuse) => covers(excuse, failure)))
}

/** One line. */
export function describeFailure({ from, client, how, began, pid, message }: Failure, since: number): string {
  const whom = pid === undefined ? 'nobody yet' : `process ${pid}`
  return `${how}: ${client} client ${from}, begun ${Math.round(began - since)} ms into the step, with ${whom}: ${message}`
}
