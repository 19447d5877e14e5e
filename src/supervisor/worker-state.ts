// In which state a process is, from what is known of it.

/**
 * starting: forked, the application is not attached yet. ready: healthy and enabled, gets new clients. draining: serves
 * what it has and gets no new clients, because it is not healthy (it may come back) or not enabled (it finishes).
 * stopping: it was told to end now. gone: the process has ended.
 */
export type WorkerState = 'starting' | 'ready' | 'draining' | 'stopping' | 'gone'

export interface Standing {
  /** Its application was attached. */
  attached: boolean
  /** The supervisor's verdict from its beats. */
  healthy: boolean
  /** It is meant to get new clients. */
  enabled: boolean
  /** It was told to end now. */
  stopping: boolean
  gone: boolean
}

export function stateOf({ attached, healthy, enabled, stopping, gone }: Standing): WorkerState {
  if (gone) return 'gone'
  if (stopping) return 'stopping'
  if (!attached) return enabled ? 'starting' : 'stopping'
  return healthy && enabled ? 'ready' : 'draining'
}
