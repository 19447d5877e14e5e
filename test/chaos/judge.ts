// Decides which failures of clients are fair: only clients of a killed process may fail. The functions are pure.

/** How a request, a WebSocket message or the opening of a connection failed. */
export interface Failure {
  from: string
  client: 'short' | 'kept' | 'websocket' | 'control'
  /** refused: no process listened. hung: it did not end within the limit. broken: it was cut off. */
  how: 'refused' | 'hung' | 'broken'
  /** Time of its start on the monotonic clock. */
  began: number
  /** Pid of the process that serves the connection, if an answer told it to the client. */
  pid: number | undefined
  message: string
}

/** Reason why a client may be cut off. All times are on the monotonic clock. */
export type Excuse =
  /** A process was killed, or stopped before being killed; from `deafSince` on it took no connection. */
  | { why: 'killed'; pid: number; worker: number; deafSince: number }
  /** A process closes idle connections; a client that sends at that moment has to send again, as with any server. */
  | { why: 'finishing'; pid: number; since: number }
  /** A worker that accepts by itself and has no descriptors left closes new connections, as any Node server does. */
  | { why: 'exhausted'; worker: number; from: number; to: number }

/** Milliseconds within which a signal or a request takes effect. */
const SLACK = 20

/**
 * Returns the failures without an excuse.
 *
 * @param owners - returns the workers that have owned a client's slot meanwhile
 */
export function unexcused(
  failures: readonly Failure[],
  excuses: readonly Excuse[],
  owners: (from: string) => ReadonlySet<number>,
): Failure[] {
  const covers = (excuse: Excuse, { client, from, began, pid }: Failure): boolean => {
    if (excuse.why === 'finishing') return client === 'kept' && pid === excuse.pid && began >= excuse.since
    if (pid !== undefined) return excuse.why === 'killed' && pid === excuse.pid
    // Without an answer the client's process is unknown; it may be that worker, if the client connected in time.
    if (!owners(from).has(excuse.worker)) return false
    if (excuse.why === 'killed') return began <= excuse.deafSince + SLACK
    return began >= excuse.from - SLACK && began <= excuse.to + SLACK
  }
  return failures.filter((failure) => failure.how !== 'broken' || !excuses.some((excuse) => covers(excuse, failure)))
}

/** Describes the failure in one line. */
export function describeFailure({ from, client, how, began, pid, message }: Failure, since: number): string {
  const server = pid === undefined ? 'no process yet' : `process ${pid}`
  return `${how}: ${client} client ${from}, begun ${Math.round(began - since)} ms into the step, with ${server}: ${message}`
}
