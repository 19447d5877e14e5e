// The snapshot that status() returns.
import type { Settings } from '../settings.ts'
import { fallbackReason } from '../slots/hash.ts'
import type { SlotTable } from '../slots/slot-table.ts'
import type { Steering } from '../steering/steering.ts'
import type { Address, Beat, Status, WorkerStatus } from '../sticky.ts'
import type { WorkerExit } from '../supervisor/worker-exit.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'
import type { TransportName } from '../transport/transport.ts'

/** The parts of a balancer that have something to tell. */
export interface Parts {
  startedAt: number
  address: Address | null
  settings: Settings
  table: SlotTable
  steering: Steering
  /** Why that steering. */
  reason: string
  transport: TransportName
  supervisor: Supervisor
  bus: Status['bus']
}

export function snapshot(parts: Parts, now = performance.now()): Status {
  const { startedAt, address, steering, reason, transport, supervisor, bus } = parts
  const { counters, pending } = steering
  const queues = steering.queues?.()
  return {
    pid: process.pid,
    address,
    uptime: now - startedAt,
    steering: { name: steering.name, reason, transport, hash: fallbackReason === undefined ? 'native' : 'portable' },
    workers: supervisor.members.map((member) => workerStatus(member, parts, now)),
    standby: supervisor.standby,
    entered: { ...supervisor.entered },
    ...(queues === undefined ? {} : { queues }),
    connections: { ...counters, closed: { ...counters.closed }, pending },
    bus,
  }
}

function workerStatus(member: Supervisor['members'][number], { table, steering }: Parts, now: number): WorkerStatus {
  const { id, current, restarts, lastExit } = member
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
    beat: current?.beat === undefined ? null : beatOf(current.beat),
    lastExit: lastExit === undefined ? null : exitStatus(lastExit),
  }
}

function exitStatus({ code, signal, failure, stderr }: WorkerExit): WorkerStatus['lastExit'] {
  return { code, signal, failure, stderr }
}

function beatOf({ lag, rss, heapUsed, connections, served }: Readonly<Beat>): Beat {
  return { lag, rss, heapUsed, connections, served }
}
