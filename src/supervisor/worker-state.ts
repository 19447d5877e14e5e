// The state of a process, from the facts that are known of it. Pure.

/**
 * starting: forked, the application is not attached yet. ready: healthy and enabled, gets new clients. draining: serves
 * its connections and gets no new clients, because it is not healthy (it may come back) or not enabled (it finishes).
 * stopping: it was asked to end now. gone: the process has ended.
 */
export type WorkerState = 'starting' | 'ready' | 'draining' | 'stopping' | 'gone'

export interface Standing {
  /** The application was attached. */
  attached: boolean
  /** The supervisor's verdict from the heartbeats. */
  healthy: boolean
  /** Whether the process is meant to get new clients. */
  enabled: boolean
  /** Whether the process was asked to end now. */
  stopping: boolean
  gone: boolean
}

export function stateOf({ attached, healthy, enabled, stopping, gone }: Standing): WorkerState {
  if (gone) return 'gone'
  if (stopping) return 'stopping'
  if (!attached) return enabled ? 'starting' : 'stopping'
  return healthy && enabled ? 'ready' : 'draining'
}
