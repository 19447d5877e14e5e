// The verdict on the health of a worker. Pure: observations go in, a verdict by consecutive counts comes out. One late
// heartbeat changes nothing, and a worker on the edge does not flap.

/** What one check of a worker found. Milliseconds. */
export interface Observation {
  /** Since the last message of the worker. */
  silence: number
  /** The longest that its event loop was held up since the check before. */
  lag: number
}

export interface HealthPolicy {
  /** Between two heartbeats. */
  interval: number
  /** Bad observations in a row that make a worker unhealthy, and good ones that make it healthy again. */
  unhealthyAfter: number
  /** An event loop that was held up for longer is a bad observation. */
  maxLag: number
  /** Silence after which the worker is given up. */
  deadline: number
}

/**
 * healthy: all is well. unhealthy: the worker gets no new clients, and the log has a warning. lost: the worker is replaced
 * and killed.
 */
export type Verdict = 'healthy' | 'unhealthy' | 'lost'

export interface Health {
  readonly verdict: Verdict
  /** Observations in a row that speak against the verdict. */
  readonly against: number
}

export const initialHealth: Health = Object.freeze({ verdict: 'healthy', against: 0 })

/** The health after one more check. A worker that is lost stays lost. */
export function observe(health: Health, seen: Observation, policy: HealthPolicy): Health {
  if (health.verdict === 'lost' || seen.silence > policy.deadline) return { verdict: 'lost', against: 0 }
  // Two intervals: a heartbeat may be a little late.
  const bad = seen.silence > 2 * policy.interval || seen.lag > policy.maxLag
  if (bad === (health.verdict === 'unhealthy')) return { verdict: health.verdict, against: 0 }
  const against = health.against + 1
  if (against < policy.unhealthyAfter) return { verdict: health.verdict, against }
  return { verdict: bad ? 'unhealthy' : 'healthy', against: 0 }
}
