// Builds the snapshot that status() returns, and adds up the requests of each worker.
import type { BridgeStatus } from '../socket-io/primary/bridge.ts'
import { addDifference, noCounts, requestStatus } from '../ipc/request-counts.ts'
import type { Settings } from '../options/settings.ts'
import { fallbackReason } from '../slots/hash.ts'
import type { SlotTable } from '../slots/slot-table.ts'
import type { Steering } from '../steering/steering.ts'
import type { Address, Heartbeat, Status, WorkerStatus } from '../sticky.ts'
import type { WorkerExit } from '../supervisor/worker-exit.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'
import type { TransportName } from '../transport/transport.ts'

/** The parts of a balancer that the snapshot shows. */
export interface Parts {
  /** The monotonic clock: now, and when the balancer was made. Milliseconds. */
  now: number
  startedAt: number
  address: Address | null
  addresses: readonly (Address | string)[]
  admin: Address | null
  settings: Settings
  table: SlotTable
  steering: Steering
  /** Why this steering was chosen. */
  reason: string
  transport: TransportName
  supervisor: Supervisor
  requestTotals: Pick<RequestTotals, 'totals'>
  bridge: BridgeStatus | undefined
  bus: Status['bus']
}

export function snapshot(parts: Parts): Status {
  const { now, startedAt, address, addresses, admin, steering, reason, transport, supervisor, bridge, bus } = parts
  const { counters, pending } = steering
  const queues = steering.queues?.()
  return {
    pid: process.pid,
    address,
    addresses,
    admin,
    uptime: now - startedAt,
    steering: { name: steering.name, reason, transport, hash: fallbackReason() === undefined ? 'native' : 'portable' },
    workers: supervisor.workers.map((worker) => workerStatus(worker, parts, now)),
    standby: supervisor.standbyCount,
    entered: { ...supervisor.entered },
    ...(queues === undefined ? {} : { queues }),
    ...(bridge === undefined ? {} : { bridge }),
    connections: { ...counters, closed: { ...counters.closed }, pending },
    bus,
  }
}

function workerStatus(worker: Supervisor['workers'][number], parts: Parts, now: number): WorkerStatus {
  const { table, steering, requestTotals } = parts
  const { id, process: current, restarts, lastExit } = worker
  const counts = requestTotals.totals(id)
  return {
    id,
    pid: current?.pid ?? null,
    state: current?.state ?? 'gone',
    healthy: current?.healthy ?? false,
    enabled: current?.enabled ?? false,
    generation: current?.generation ?? 0,
    uptime: current === undefined ? 0 : now - current.startedAt,
    restarts,
    slots: table.owners.reduce((sum, owner) => sum + Number(owner === id), 0),
    pending: steering.pendingOf(id),
    dropped: current?.dropped ?? 0,
    beat: current?.heartbeat === undefined ? null : beatOf(current.heartbeat),
    ...(counts === undefined ? {} : { requests: requestStatus(counts) }),
    lastExit: lastExit === undefined ? null : exitStatus(lastExit),
  }
}

function exitStatus({ code, signal, failure, stderr }: WorkerExit): WorkerStatus['lastExit'] {
  return { code, signal, failure, stderr }
}

function beatOf({ lag, rss, heapUsed, connections, served, cpu }: Readonly<Heartbeat>): WorkerStatus['beat'] {
  return { lag, rss, heapUsed, connections, served, ...(cpu === undefined ? {} : { cpu }) }
}

/** A process that counts its requests. */
export interface CountingProcess {
  /** Worker id; negative while the process is on standby. */
  readonly id: number
  /** The last heartbeat. */
  readonly heartbeat: { readonly requests?: readonly number[] } | undefined
}

/** The requests of each worker, over all of its processes: a restart loses nothing. */
export class RequestTotals {
  /** The counts of each process that are in the totals already. */
  readonly #added = new WeakMap<CountingProcess, readonly number[]>()
  readonly #byWorker = new Map<number, number[]>()

  /**
   * Adds the new counts of a process. Call it for every process before reading the totals, and when a process has
   * ended.
   */
  update(process: CountingProcess): void {
    const now = process.heartbeat?.requests
    // A process on standby has no requests.
    if (now === undefined || process.id < 0) return
    let total = this.#byWorker.get(process.id)
    if (total === undefined) this.#byWorker.set(process.id, (total = noCounts()))
    addDifference(total, this.#added.get(process) ?? [], now)
    this.#added.set(process, now)
  }

  /** @returns undefined when the worker counts no requests */
  totals(worker: number): readonly number[] | undefined {
    return this.#byWorker.get(worker)
  }
}
