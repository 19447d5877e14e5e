// What does a start cost, and what do the processes take when they do nothing? With the same least application behind each.
import type { Settings } from './support/arguments.ts'
import { median, shuffled } from './support/compare.ts'
import { nodeProgram, server, type Contender } from './support/contender.ts'
import { selected } from './support/contenders.ts'
import { settled } from './support/measure.ts'
import { installPeers } from './support/peers.ts'
import { pm2 } from './support/pm2.ts'
import { cpuTime, endedCpuTime, memoryOf, processTree } from './support/process-tree.ts'
import { Unavailable } from './support/program.ts'
import { freePort } from './support/free-port.ts'
import { progress } from './support/progress.ts'
import type { Bar, Chart, Report, Table } from './support/report.ts'

/** Starts of each in a round: one is soon over, and the figures of one start differ. */
const STARTS = 5

/** What the others are compared with: how they start, and what a worker takes. */
const CLUSTER = 'cluster'
const PLAIN = 'single'

/** A machine's own certificates are read by each process anew at its start, which takes as long as all else. */
const NO_CERTIFICATES = { NODE_EXTRA_CA_CERTS: '' }

const WAYS: readonly Contender[] = [
  hello(PLAIN, 'one plain Node process', () => server('hello-plain'), 1),
  hello('published', 'Holdfast', () => server('hello-holdfast')),
  hello('unbundled', 'Holdfast, a file per module', () => server('hello-unbundled')),
  hello(CLUSTER, 'node:cluster', () => server('hello-cluster')),
  pm2,
]

/** @param processes - that say they are ready, where it is not each worker */
function hello(name: string, label: string, program: () => string, processes?: number): Contender {
  return {
    name,
    label,
    start: async (setup) => [await nodeProgram(program(), setup, NO_CERTIFICATES, processes ?? setup.workers)],
  }
}

/** One start. Memory in MB. */
interface Start {
  /** Milliseconds until all workers serve. */
  ready: number
  /** Milliseconds of CPU time of all processes, until they have come to rest. */
  cpu: number
  /** Resident memory of a worker: the mean of all. */
  worker: number
  /** Resident memory of the primary, or of the daemon. */
  primary?: number
  /** All processes together, what they share counted once; undefined where the kernel does not tell. */
  all: number | undefined
}

/** One contender with so many workers. */
interface Entry {
  contender: Contender
  workers: number
  /** By round: what was started in the same round is compared. */
  starts: Start[]
  absent?: string
}

export async function start(settings: Settings): Promise<Report> {
  const counts = settings.quick ? [1, 2] : [1, 2, 8]
  const rounds = settings.quick ? 1 : settings.rounds * STARTS
  const contenders = selected(WAYS, settings)
  const entries: Entry[] = contenders.flatMap((contender) =>
    (contender.name === PLAIN ? [1] : counts).map((workers) => ({ contender, workers, starts: [] })),
  )
  const failures: string[] = []
  // Where they cannot be installed, PM2's own start says so.
  if (contenders.includes(pm2)) await installPeers().catch(() => {})
  for (let round = 0; round < rounds; round++) {
    for (const entry of shuffled(entries)) {
      const { contender, workers } = entry
      if (entry.absent !== undefined) continue
      progress(`start: round ${round + 1} of ${rounds}: ${contender.label}, workers: ${workers}`)
      try {
        entry.starts.push(await once(contender, workers, settings))
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error)
        entry.absent = error instanceof Unavailable ? `not available: ${reason}` : 'failed'
        if (!(error instanceof Unavailable) || process.env['CI']) failures.push(`${contender.label}: ${reason}`)
      }
    }
  }
  return {
    tables: counts.map((workers) => table(entries, workers)),
    charts: charts(entries, 2),
    notes: [],
    failures,
  }
}

async function once(contender: Contender, workers: number, settings: Settings): Promise<Start> {
  const port = await freePort()
  const ended = endedCpuTime()
  const programs = await contender.start({ ...settings, port, workers, webSockets: false })
  try {
    // All contenders here are one program: the primary, or the only process.
    const first = programs[0]?.pid ?? 0
    const pids = processTree([first])
    await settled(pids)
    const cpu = cpuTime(pids) + endedCpuTime() - ended
    const memory = new Map(pids.map((pid) => [pid, memoryOf(pid)]))
    const primary = memory.get(first)
    const others = pids.filter((pid) => pid !== first)
    const serving = others.length === 0 ? [first] : others
    const shared = [...memory.values()].map(({ pss }) => pss)
    return {
      ready: programs[0]?.took ?? 0,
      cpu: cpu / 1e6,
      worker: megabytes(serving.reduce((sum, pid) => sum + (memory.get(pid)?.rss ?? 0), 0) / serving.length),
      ...(others.length === 0 || primary === undefined ? {} : { primary: megabytes(primary.rss) }),
      all: shared.includes(undefined) ? undefined : megabytes(shared.reduce<number>((sum, pss) => sum + (pss ?? 0), 0)),
    }
  } finally {
    await Promise.all(programs.map((program) => program.stop()))
  }
}

function megabytes(bytes: number): number {
  return bytes / 2 ** 20
}

type Compare = (value: number, against: number) => number

const ratio: Compare = (value, against) => value / against
const difference: Compare = (value, against) => value - against

/** What the tables show of each contender, and what it is compared with. */
const COLUMNS: readonly { title: string; figure: keyof Start; digits: number; against?: string; compare?: Compare }[] =
  [
    { title: 'ms until ready', figure: 'ready', digits: 0 },
    { title: 'ratio', figure: 'ready', digits: 2, against: CLUSTER, compare: ratio },
    { title: 'CPU ms', figure: 'cpu', digits: 0 },
    { title: 'ratio', figure: 'cpu', digits: 2, against: CLUSTER, compare: ratio },
    { title: 'worker MB', figure: 'worker', digits: 1 },
    { title: 'above plain', figure: 'worker', digits: 1, against: PLAIN, compare: difference },
    { title: 'primary MB', figure: 'primary', digits: 1 },
    { title: 'above node:cluster’s', figure: 'primary', digits: 1, against: CLUSTER, compare: difference },
    { title: 'all MB', figure: 'all', digits: 1 },
    { title: 'ratio', figure: 'all', digits: 2, against: CLUSTER, compare: ratio },
  ]

function table(entries: readonly Entry[], workers: number): Table {
  const rows = entries
    .filter((entry) => entry.workers === workers)
    .map((entry) => {
      const { contender, starts, absent } = entry
      if (absent !== undefined) return [contender.label, absent, ...COLUMNS.slice(1).map(() => '')]
      const cells = COLUMNS.map(({ figure, digits, against, compare }) => {
        const count = against === PLAIN ? 1 : workers
        const base = entries.find((other) => other.contender.name === against && other.workers === count)
        const values =
          compare === undefined ? valuesOf(starts, figure) : compared(starts, base?.starts, figure, compare)
        return values.length === 0 || base === entry ? '' : median(values).toFixed(digits)
      })
      return [contender.label, ...cells]
    })
  return { columns: [workers === 1 ? '1 worker' : `${workers} workers`, ...COLUMNS.map(({ title }) => title)], rows }
}

function charts(entries: readonly Entry[], workers: number): Chart[] {
  const shown = entries.filter((entry) => entry.workers === workers)
  const chart = (title: string, figure: keyof Start): Chart => ({
    title,
    bars: shown.map(({ contender: { label }, starts, absent }): Bar => {
      const values = valuesOf(starts, figure)
      if (values.length === 0) return { label, value: undefined, text: absent ?? 'none' }
      const value = median(values)
      return { label, value, range: [Math.min(...values), Math.max(...values)], text: value.toFixed(0) }
    }),
  })
  return [
    chart(`Milliseconds until ${workers} workers are ready`, 'ready'),
    chart(`Milliseconds of CPU time to start ${workers} workers`, 'cpu'),
    chart(`MB that one of ${workers} workers takes`, 'worker'),
    chart('MB that their primary takes', 'primary'),
  ]
}

function valuesOf(starts: readonly Start[], figure: keyof Start): number[] {
  return starts.map((start) => start[figure]).filter((value) => value !== undefined)
}

/** Start by start: the same round. */
function compared(
  starts: readonly Start[],
  others: readonly Start[] | undefined,
  figure: keyof Start,
  compare: Compare,
): number[] {
  return starts.flatMap((start, round) => {
    const [value, against] = [start[figure], others?.[round]?.[figure]]
    return value === undefined || against === undefined ? [] : [compare(value, against)]
  })
}
