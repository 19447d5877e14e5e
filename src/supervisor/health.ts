// Is a worker well? Pure: what was observed goes in, a verdict by consecutive counts comes out, so that one late beat
// changes nothing and a worker on the edge does not flap.

/** One look at a worker. Milliseconds. */
export interface Observation {
  /** Since its last sign of life. */
  silence: number
  /** The longest that its event loop was held up since the look before. */
  lag: number
}

export interface HealthPolicy {
  /** Between two signs of life. */
  interval: number
  /** Bad observations in a row that make a worker unhealthy, and good ones that make it healthy again. */
  unhealthyAfter: number
  /** A loop held up for longer is a bad observation. */
  maxLag: number
  /** Silence after which the worker is given up. */
  deadline: number
}

/**
 * healthy: all is well. unhealthy: it is warned about and gets no new clients. lost: it is replaced and killed.
 */
export type Verdict = 'healthy' | 'unhealthy' | 'lost'

export interface Health {
  readonly verdict: Verdict
  /** Observations in a row that speak against the verdict. */
  readonly against: number
}

export const wellAtFirst: Health = Object.freeze({ verdict: 'healthy', against: 0 })

/** The health after one more look. What is lost stays lost. */
export function observe(health: Health, seen: Observation, policy: HealthPolicy): Health {
  if (health.verdict === 'lost' || seen.silence > policy.deadline) return { verdict: 'lost', against: 0 }
  // Two intervals: the beat itself may be a little late.
  const bad = seen.silence > 2 * policy.interval || seen.lag > policy.maxLag
  if (bad === (health.verdict === 'unhealthy')) return { verdict: health.verdict, against: 0 }
  const against = health.against + 1
  if (against < policy.unhealthyAfter) return { verdict: health.verdict, against }
  return { verdict: bad ? 'unhealthy' : 'healthy', against: 0 }
}
