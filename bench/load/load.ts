// What the load generator can be asked for, and what it answers. It is a process of its own, so that its CPU time is
// not the servers' and its loop does not wait for the bench.

/** `count` operations, `concurrency` at once, from `sources` different addresses of 127.0.0.0/8. */
export interface Task {
  /**
   * connections: connect, one request, reset; requests: GETs on kept-alive connections; messages: WebSocket echoes;
   * idle: opens WebSockets and keeps them; probe: connects from address number `first` until somebody answers; rooms:
   * messages from one WebSocket to another, on another worker; storm: messages from one worker to all others.
   */
  kind: 'connections' | 'requests' | 'messages' | 'idle' | 'probe' | 'rooms' | 'storm'
  port: number
  count: number
  concurrency: number
  sources: number
  /** Number of the first source address. */
  first?: number
  /** Each client says which session it is of. */
  session?: SessionPlace
  /** What each connection of 'requests' asks in turn, in place of GET /; any complete answer with status 200 is right. */
  requests?: readonly (readonly string[])[]
  /**
   * Never sleeps while it waits for answers: else each answer may have to wake it, at the cost of whoever answers, and
   * that depends on how busy the load is. Takes a core for itself.
   */
  awake?: boolean
  /** Its connections stay open for a task that resumes it. */
  stay?: boolean
  /** Goes on where the task before ended: on its connections, and with the next address. */
  resume?: boolean
  /** What the rooms' WebSockets speak. */
  dialect?: 'ws' | 'socket.io'
}

/**
 * Where a client's session is: at the worker that has its connection, at another one, or at another one with a connection
 * that had a request of somebody else too, as those of pooling proxies.
 */
export type SessionPlace = 'home' | 'away' | 'pooled'

export interface Outcome {
  /** Operations that were answered as they should. */
  done: number
  /** Operations that were not; `error` has the first one's reason. */
  failed: number
  error?: string
  /** From the first to the last operation, in milliseconds. */
  elapsed: number
  /** Milliseconds from the start of an operation to its answer. */
  p50: number
  p99: number
  /** Share of the time that the generator itself was on a CPU, 0 to 1: near 1 it is the bottleneck. */
  busy: number
  /** Source addresses that were answered by more than one process, since the last task that did not resume another. */
  unsticky: number
  /** Process id of whoever answered last. */
  pid: number
}

/** The `n`-th client address. */
export function sourceAddress(n: number): string {
  return `127.${1 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`
}
