// A status as text for a terminal. Pure.
import { endpointText } from '../affinity/address.ts'
import type { Status, WorkerStatus } from '../sticky.ts'

const HEAD = ['worker', 'pid', 'state', 'slots', 'open', 'taken', 'answered', '5xx', 'lag', 'memory', 'up', 'restarts']

export function statusText({ pid, address, uptime, steering, workers, standby, connections }: Status): string {
  const where = address === null ? 'not listening' : endpointText(address)
  const { accepted, pending, closed } = connections
  const closedCount = Object.values(closed).reduce((sum, n) => sum + n, 0)
  const standbys = standby > 0 ? `, ${standby} standby` : ''
  return [
    `${where}, pid ${pid}, up ${duration(uptime)}, ${steering.name} over ${steering.transport}${standbys}`,
    `accepted ${accepted}, waiting ${pending}, closed without a worker ${closedCount}`,
    '',
    ...table([HEAD, ...workers.map(row)]),
    '',
  ].join('\n')
}

function row({ id, pid, state, healthy, slots, beat, requests, uptime, restarts }: WorkerStatus): string[] {
  const answered = requests && Object.values(requests.answered).reduce((sum, n) => sum + n, 0)
  return [
    id,
    pid,
    healthy || state !== 'ready' ? state : `${state} (unhealthy)`,
    slots,
    beat?.connections,
    beat?.served,
    answered,
    requests?.answered['5xx'],
    beat && `${beat.lag} ms`,
    beat && `${Math.round(beat.rss / 2 ** 20)} MB`,
    duration(uptime),
    restarts,
  ].map((value) => String(value ?? '-'))
}

/** Aligns numbers to the right, and the state to the left. */
function table(rows: readonly string[][]): string[] {
  const widths = HEAD.map((_, i) => Math.max(...rows.map((cells) => cells[i]?.length ?? 0)))
  return rows.map((cells) =>
    cells
      .map((cell, i) => (i === 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  )
}

function duration(ms: number): string {
  const seconds = Math.floor(ms / 1_000)
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`
  return `${Math.floor(seconds / 86_400)} days`
}
