// Which worker gets a new connection, where that is not simply the owner of its slot: `balance` and
// `limits.loadFactor`.
import { addressText } from '../../affinity/address.ts'
import type { Logger } from '../../options/options.ts'
import type { Settings } from '../../options/settings.ts'
import { bound, preference, StickTable } from '../../slots/bounded-load.ts'
import type { AcceptedConnection } from '../../transport/transport.ts'
import type { World } from '../../world.ts'

/** A worker that can get new connections now. */
export interface Candidate {
  /** Worker id. */
  worker: number
  /** Number of connections that the worker has, or that wait for it. */
  load: number
}

/**
 * Picks a worker for a connection.
 *
 * @param owner - of the connection's slot; it need not be a candidate
 * @param candidates - one at least, by ascending id
 * @returns the worker's id
 */
export type Picker = (connection: AcceptedConnection, owner: number, candidates: readonly Candidate[]) => number

export interface PickEvents {
  /** Number of open connections of the client with that key, the new one included. */
  openOf(key: string): number
  /** A client was sent to another worker than the owner, which has too many connections. */
  onSpilled(): void
  /** One client has more connections than one worker should have. @param share - of all connections, 0 to 1 */
  onHeavy(key: string, share: number): void
}

/** The picker that the settings ask for; undefined where the owner gets all, and no connections are counted. */
export function picking(
  { balance, limits }: Pick<Settings, 'balance' | 'limits'>,
  events: PickEvents,
  world: Pick<World, 'now' | 'random'>,
): Picker | undefined {
  if (balance === 'round-robin') return roundRobin()
  if (balance === 'random') return atRandom(world)
  if (balance === 'least-connections') return leastConnections
  return limits.loadFactor === undefined
    ? undefined
    : boundedLoad(limits.loadFactor, limits.stickTimeout, events, world)
}

function roundRobin(): Picker {
  let last = -1
  return (_connection, owner, candidates) => {
    const next = candidates.find(({ worker }) => worker > last) ?? candidates[0]
    last = next?.worker ?? owner
    return last
  }
}

function atRandom(world: Pick<World, 'random'>): Picker {
  return (_connection, owner, candidates) => candidates[Math.floor(world.random() * candidates.length)]?.worker ?? owner
}

/** Among workers with equal loads it prefers the owner, so that a quiet service keeps a client on one worker. */
const leastConnections: Picker = (_connection, owner, candidates) => {
  let best = candidates.find(({ worker }) => worker === owner)
  for (const candidate of candidates) if (best === undefined || candidate.load < best.load) best = candidate
  return best?.worker ?? owner
}

/** @param stickTimeout - milliseconds that a client without connections keeps its place on another worker */
function boundedLoad(factor: number, stickTimeout: number, events: PickEvents, world: Pick<World, 'now'>): Picker {
  const stickTable = new StickTable(stickTimeout)
  return ({ key }, owner, candidates) => {
    const now = world.now()
    const otherConnections = events.openOf(key) - 1
    const place = stickTable.workerOf(key, otherConnections, now)
    if (place !== undefined && candidates.some(({ worker }) => worker === place)) return place
    const totalLoad = candidates.reduce((sum, { load }) => sum + load, 0)
    const maxLoad = bound(factor, totalLoad, candidates.length)
    const ownerNow = candidates.find(({ worker }) => worker === owner)
    if (ownerNow === undefined || ownerNow.load < maxLoad) return owner
    // A client with open connections stays where they are, even if it is too heavy for any worker, which is reported.
    if (otherConnections > 0) {
      if (otherConnections >= maxLoad) events.onHeavy(key, otherConnections / Math.max(1, totalLoad))
      return owner
    }
    const order = preference(
      Buffer.from(key, 'hex'),
      candidates.map(({ worker }) => worker),
    )
    const next = order.find((id) => candidates.some(({ worker, load }) => worker === id && load < maxLoad))
    if (next === undefined || next === owner) return owner
    stickTable.put(key, next, now)
    events.onSpilled()
    return next
  }
}

/** Milliseconds between two log lines about heavy clients. */
const HEAVY_LOG_INTERVAL = 60_000

/**
 * Logs that one client has more connections than a worker should have. Only the operator can change that.
 *
 * @returns takes the client's key in hex and its share of all connections, 0 to 1
 */
export function heavyReport(logger: Logger, clock: Pick<World, 'now'>): (key: string, share: number) => void {
  let loggedAt = -Infinity
  return (key, share) => {
    const now = clock.now()
    if (now - loggedAt < HEAVY_LOG_INTERVAL) return
    loggedAt = now
    const hint = 'NAT or a proxy? turn on the session layer or the PROXY protocol'
    logger.warn('address.heavy', { address: keyText(Buffer.from(key, 'hex')), percent: Math.round(share * 100), hint })
  }
}

/** A key of 8 bytes is the first half of an IPv6 address. */
function keyText(key: Buffer): string {
  return key.length === 8 ? `${addressText(Buffer.concat([key, Buffer.alloc(8)]))}/64` : addressText(key)
}
