// How long do the clients of a killed worker wait? With a new process in its place, and with a standby process that was
// ready before.
import { setTimeout as pause } from 'node:timers/promises'
import type { Settings } from './support/arguments.ts'
import { median } from './support/compare.ts'
import type { Contender } from './support/contender.ts'
import { named, selected } from './support/contenders.ts'
import { Generator } from './support/generator.ts'
import { withContender } from './support/measure.ts'
import { Unavailable, type Program } from './support/program.ts'
import { progress } from './support/progress.ts'
import type { Bar, Report } from './support/report.ts'

const WORKERS = 2

const KILLS = 15

/**
 * Milliseconds between the start of a process and the next kill, so that the start does not disturb the measurement.
 */
const REST = 100

/** Milliseconds from a kill to the first answer, one for each kill. */
interface Waits {
  respawn: number[]
  standby: number[]
}

export async function standby(settings: Settings): Promise<Report> {
  const kills = settings.quick ? 2 : KILLS
  const rows: string[][] = []
  const bars: Bar[] = []
  const failures: string[] = []
  for (const contender of selected(named(['kernel', 'handoff']), settings)) {
    try {
      const { respawn, standby: standbyWaits } = await waits(contender, settings, kills)
      const ratio = median(respawn) / median(standbyWaits)
      rows.push([contender.label, ...cells(respawn), ...cells(standbyWaits), ratio.toFixed(1)])
      bars.push(bar(`${contender.label}, respawn`, respawn), bar(`${contender.label}, standby`, standbyWaits))
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      const isUnavailable = error instanceof Unavailable
      rows.push([contender.label, isUnavailable ? `not available: ${reason}` : 'failed', '', '', '', ''])
      if (!isUnavailable) failures.push(`${contender.label}: ${reason}`)
    }
  }
  const columns = [
    `A killed worker’s client is answered after, ${kills} kills`,
    'respawn, median ms',
    'worst ms',
    'standby, median ms',
    'worst ms',
    'respawn / standby',
  ]
  const charts = [{ title: 'Milliseconds until a killed worker’s client is answered', bars }]
  return { tables: [{ columns, rows }], charts, notes: [], failures }
}

/** Measures both in turns at the same time, so that a slow minute of the machine does not hit only one of them. */
function waits(contender: Contender, settings: Settings, kills: number): Promise<Waits> {
  const setup = { ...settings, workers: WORKERS, webSockets: false }
  return withContender(contender, { ...setup, standby: 0 }, (port, programs) =>
    withContender(contender, { ...setup, standby: 1 }, async (standbyPort, standbyPrograms) => {
      const found: Waits = { respawn: [], standby: [] }
      const prober = new Generator()
      try {
        for (let n = 0; n < kills; n++) {
          progress(`standby: kill ${n + 1} of ${kills}: ${contender.label}`)
          found.respawn.push(await kill(prober, { port, programs, ready: WORKERS }, n))
          found.standby.push(
            await kill(prober, { port: standbyPort, programs: standbyPrograms, ready: WORKERS + 1 }, n),
          )
        }
      } finally {
        prober.stop()
      }
      return found
    }),
  )
}

interface Target {
  port: number
  programs: readonly Program[]
  /** Number of processes that become ready before the first kill. */
  ready: number
}

/** Kills the worker of client number `n`, after so many kills. @returns milliseconds until the client is answered */
async function kill(prober: Generator, { port, programs, ready }: Target, n: number): Promise<number> {
  // Each kill starts one new process: the replacement, or the next standby.
  await programs[0]?.ready(ready + n)
  await pause(REST)
  const probe = { kind: 'probe', port, count: 1, concurrency: 1, sources: 1, first: n } as const
  const { pid } = await prober.run(probe)
  process.kill(pid, 'SIGKILL')
  const answer = await prober.run(probe)
  if (answer.pid === pid) throw new Error('the killed process answered')
  if (answer.failed > 0) throw new Error(`${answer.failed} tries failed while the worker was away`)
  return answer.elapsed
}

function cells(values: readonly number[]): string[] {
  return [median(values).toFixed(1), Math.max(...values).toFixed(1)]
}

function bar(label: string, values: readonly number[]): Bar {
  const value = median(values)
  return { label, value, range: [Math.min(...values), Math.max(...values)], text: value.toFixed(0) }
}
