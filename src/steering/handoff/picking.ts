// Which worker a new connection goes to, where that is not simply the owner of its slot.
import { addressText } from '../../affinity/address.ts'
import type { Logger } from '../../options/options.ts'
import type { Settings } from '../../options/settings.ts'
import { bound, StickTable, preference } from '../../slots/bounded-load.ts'
import type { AcceptedConnection } from '../../transport/transport.ts'
import type { World } from '../../world.ts'

/** A worker that new connections can go to now. */
export interface Candidate {
  worker: number
  /** Connections that it has, or that wait for it. */
  load: number
}

/**
 * @param owner - of the connection's slot
 * @param candidates - at least one, by id
 * @returns the worker
 */
export type Picker = (connection: AcceptedConnection, owner: number, candidates: readonly Candidate[]) => number

export interface PickEvents {
  /** Connections that the client with that key has open, the new one among them. */
  openOf(key: string): number
  /** A client was sent away from its own worker, which has too many. */
  spilled(): void
  /** One client alone is more than a worker should have. */
  heavy(key: string, share: number): void
}

/** @returns undefined where the owner gets all: nothing is counted then, and nothing looked at */
export function picking(
  { balance, limits }: Pick<Settings, 'balance' | 'limits'>,
  events: PickEvents,
  world: Pick<World, 'now' | 'random'>,
): Picker | undefined {
  if (balance === 'round-robin') return inTurn()
  if (balance === 'random') return atRandom(world)
  if (balance === 'least-connections') return leastLoaded
  return limits.loadFactor === undefined ? undefined : bounded(limits.loadFactor, limits.stickTimeout, events, world)
}

function inTurn(): Picker {
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

/** Of equals the one whose slot it is, so that a quiet service keeps addresses together. */
const leastLoaded: Picker = (_connection, owner, candidates) => {
  let best = candidates.find(({ worker }) => worker === owner)
  for (const candidate of candidates) if (best === undefined || candidate.load < best.load) best = candidate
  return best?.worker ?? owner
}

function bounded(factor: number, stickTimeout: number, events: PickEvents, world: Pick<World, 'now'>): Picker {
  const stickTable = new StickTable(stickTimeout)
  return ({ key }, owner, candidates) => {
    const now = world.now()
    const others = events.openOf(key) - 1
    const there = stickTable.placeOf(key, others, now)
    if (there !== undefined && candidates.some(({ worker }) => worker === there)) return there
    const total = candidates.reduce((sum, { load }) => sum + load, 0)
    const most = bound(factor, total, candidates.length)
    const home = candidates.find(({ worker }) => worker === owner)
    if (home === undefined || home.load < most) return owner
    // Who has connections stays with them; one that is too big for any worker stays too, and is told of.
    if (others > 0) {
      if (others >= most) events.heavy(key, others / Math.max(1, total))
      return owner
    }
    const order = preference(
      Buffer.from(key, 'hex'),
      candidates.map(({ worker }) => worker),
    )
    const next = order.find((id) => candidates.some(({ worker, load }) => worker === id && load < most))
    if (next === undefined || next === owner) return owner
    stickTable.put(key, next, now)
    events.spilled()
    return next
  }
}

/** Milliseconds between two log lines about heavy addresses. */
const HEAVY_LOG_INTERVAL = 60_000

/**
 * Logs that one address has more connections than a worker should. Only the operator can change that.
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
