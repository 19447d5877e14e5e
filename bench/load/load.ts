// Tasks for the load generator, and their outcomes. The generator is a separate process, so that its CPU time does not
// count as the servers' and its event loop does not wait for the bench.

/** `count` operations, `concurrency` at once, from `sources` different addresses of 127.0.0.0/8. */
export interface Task {
  /**
   * connections: connect, one request, reset; requests: GETs on kept-alive connections; messages: WebSocket echoes;
   * idle: opens WebSockets and keeps them; probe: connects from address number `first` until a server answers; rooms:
   * messages from one WebSocket to another, on another worker; storm: messages from one worker to all others.
   */
  kind: 'connections' | 'requests' | 'messages' | 'idle' | 'probe' | 'rooms' | 'storm'
  port: number
  count: number
  concurrency: number
  sources: number
  /** Number of the first source address. */
  first?: number
  /** Each client sends the key of its session. */
  session?: SessionPlace
  /** Requests that each connection sends in turn, in place of GET /; any complete answer with status 200 is right. */
  requests?: readonly (readonly string[])[]
  /**
   * The generator never sleeps while it waits for answers. An answer that wakes it would cost the server CPU time,
   * which
   * depends on how busy the generator is. The generator uses one core completely.
   */
  awake?: boolean
  /** The connections stay open for a task that resumes this one. */
  stay?: boolean
  /** Continues the previous task: on its connections, and with the next address. */
  resume?: boolean
  /** Protocol of the rooms' WebSockets. */
  dialect?: 'ws' | 'socket.io'
}

/**
 * Place of a client's session: at the worker of the connection, at another worker, or at another worker with a
 * connection
 * that also carried a request for a different worker, as the connections of pooling proxies do.
 */
export type SessionPlace = 'home' | 'away' | 'pooled'

export interface Outcome {
  /** Operations with a right answer. */
  done: number
  /** Operations without a right answer; `error` is the reason of the first one. */
  failed: number
  error?: string
  /** From the first to the last operation, in milliseconds. */
  elapsed: number
  /** Milliseconds from the start of an operation to its answer. */
  p50: number
  p99: number
  /** Share of the time that the generator itself was on a CPU, 0 to 1: near 1 it is the bottleneck. */
  busy: number
  /** Source addresses that more than one process answered, since the last task that did not resume another. */
  unsticky: number
  /** Pid of the process that answered last. */
  pid: number
}

/** The `n`-th client address. */
export function sourceAddress(n: number): string {
  return `127.${1 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`
}
