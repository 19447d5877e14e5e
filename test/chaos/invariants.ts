// Checks what has to be true again after every step. Each check returns its complaints as sentences.
import type { Status } from '../../src/index.ts'
import { pool, until } from '../support/clients.ts'
import { describeFailure, unexcused } from './judge.ts'
import type { Action } from './plan.ts'
import type { Stage } from './stage.ts'
import { ask, Failed } from './visitors.ts'

/** Milliseconds until the balancer must be in order again; above each of its timeouts. */
const SETTLE = 15_000

/** Process ids by worker. */
export type Pids = ReadonlyMap<number, number | null>

export function pidsOf({ workers }: Status): Pids {
  return new Map(workers.map(({ id, pid }) => [id, pid]))
}

/** Waits until every worker serves its own slots, no connection is pending and no process is left over. */
export async function settled(stage: Stage): Promise<string[]> {
  let missing: string[] = []
  const holds = async (): Promise<boolean> => {
    missing = unsettled(await stage.balancer.status(), stage)
    return missing.length === 0
  }
  try {
    await until('it settles', holds, SETTLE)
    return []
  } catch {
    return missing.map((what) => `not settled after ${SETTLE} ms: ${what}`)
  }
}

function unsettled({ workers, connections, standby }: Status, stage: Stage): string[] {
  const children = stage.children()
  const count = stage.workers
  const share = 256 / count
  const pids = workers.map(({ pid }) => pid)
  const left = children.filter((pid) => !pids.includes(pid))
  return [
    ...(workers.length === count ? [] : [`${workers.length} workers, expected ${count}`]),
    ...workers.flatMap(({ id, state, slots }) => [
      ...(state === 'ready' ? [] : [`worker ${id} is ${state}`]),
      ...(slots >= Math.floor(share) && slots <= Math.ceil(share) ? [] : [`worker ${id} owns ${slots} slots`]),
    ]),
    ...workers.flatMap(({ id, pid }) =>
      pid !== null && children.includes(pid) ? [] : [`worker ${id} has no process`],
    ),
    ...(standby === stage.standby ? [] : [`${standby} standbys, expected ${stage.standby}`]),
    ...(left.length === standby ? [] : [`${left.length} processes beside the workers: ${left.join(', ')}`]),
    ...(connections.pending === 0 ? [] : [`${connections.pending} connections are pending`]),
  ]
}

/** Descriptors of the primary per process: stdout, stderr, the IPC channel, and both ends of the descriptor channel. */
function descriptorsEach({ steering }: Status): number {
  return steering.transport === 'descriptor-channel' ? 5 : 3
}

/** Descriptors of the primary that belong to no worker. Call it while no client connects. */
export async function baseDescriptors({ balancer }: Stage): Promise<number> {
  const status = await balancer.status()
  const { descriptors } = await balancer.resources()
  return descriptors - (status.workers.length + status.standby) * descriptorsEach(status)
}

/** Checks that no descriptor of ended processes and connections is left. Call it while no client connects. */
export async function noDescriptorLeft(stage: Stage, base: number): Promise<string[]> {
  let now = base
  try {
    await until('descriptors', async () => (now = await baseDescriptors(stage)) === base, 3_000)
    return []
  } catch {
    return [`the primary holds ${now - base} descriptors more than it should`]
  }
}

/** Checks that every accepted connection is with a worker; only connections of clients that had gone may be closed. */
export async function allConnectionsCounted({ balancer }: Stage): Promise<string[]> {
  const { accepted, handedOff, pending, closed } = (await balancer.status()).connections
  const dropped = Object.values(closed).reduce((sum, count) => sum + count, 0)
  const complaints = Object.entries(closed)
    .filter(([reason, count]) => reason !== 'no-address' && count > 0)
    .map(([reason, count]) => `${count} connections were closed: ${reason}`)
  if (accepted === handedOff + pending + dropped) return complaints
  return [...complaints, `accepted ${accepted}, handed off ${handedOff}, pending ${pending}, closed ${dropped}`]
}

/** Checks that a new connection of each client reaches the worker that explain() names. */
export async function allClientsStick(stage: Stage): Promise<string[]> {
  const explained = await stage.noteOwners()
  const complaints: string[] = []
  const visit = async (from: string): Promise<void> => {
    try {
      const { worker } = await ask({ port: stage.balancer.port, from })
      if (worker !== explained.get(from)) complaints.push(`${from} reached ${worker}, not ${explained.get(from)}`)
    } catch (error) {
      if (!(error instanceof Failed)) throw error
      complaints.push(`${from} could not reach its worker: ${error.message}`)
    }
  }
  await pool(
    stage.addresses.map((from) => () => visit(from)),
    20,
  )
  return complaints
}

/** Checks that only clients of a killed process failed, and clients with a connection to a process that finished. */
export async function onlyVictimsFailed(stage: Stage, since: number): Promise<{ fair: number; complaints: string[] }> {
  const failures = stage.failures()
  const serving = [...pidsOf(await stage.balancer.status()).values()]
  // A process that still serves did not finish, although it was unhealthy for a while.
  const excuses = stage.excuses.filter((excuse) => excuse.why !== 'finishing' || !serving.includes(excuse.pid))
  const unfair = unexcused(failures, excuses, (from) => stage.owners(from))
  const complaints = unfair.map((failure) => describeFailure(failure, since))
  return { fair: failures.length - unfair.length, complaints }
}

/** Checks that the action replaced its target processes and no other process. */
export function asMeant(action: Action, before: Pids, after: Pids): string[] {
  const stayed = [...before].filter(([worker, pid]) => after.get(worker) === pid).map(([worker]) => worker)
  const expected = [...before.keys()].filter((worker) => after.has(worker) && !replaces(action, worker, before.size))
  if (stayed.join() === expected.join()) return []
  return [`workers that kept their process: ${stayed.join(', ')}; expected ${expected.join(', ')}`]
}

function replaces(action: Action, worker: number, workers: number): boolean {
  switch (action.kind) {
    case 'kill':
    case 'terminate':
    case 'freeze':
    case 'leak':
    case 'break':
      return action.worker % workers === worker
    case 'reload':
      return true
    default:
      return false
  }
}
