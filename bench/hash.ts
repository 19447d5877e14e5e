// What does it cost to find a client's worker? Address to key, key to hash, hash to slot, slot to worker.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Settings } from './support/arguments.ts'
import { median } from './support/compare.ts'
import { progress } from './support/progress.ts'
import type { Report } from './support/report.ts'

interface Timings {
  timings: { label: string; nanoseconds: number[] }[]
  /** Reason why the native FarmHash is missing. */
  fallbackReason?: string
}

export async function hash({ node, quick, rounds }: Settings): Promise<Report> {
  progress('hash: timing')
  const program = new URL('./support/hash-timings.js', import.meta.url).pathname
  const args = [program, String(rounds * 3), quick ? '20000' : '1000000']
  const { stdout } = await promisify(execFile)(node, args)
  const { timings, fallbackReason } = JSON.parse(stdout) as Timings
  const steps = timings.map(({ label, nanoseconds }) => ({
    label,
    value: median(nanoseconds),
    range: [Math.min(...nanoseconds), Math.max(...nanoseconds)] as const,
  }))
  return {
    tables: [
      {
        columns: ['', 'ns', 'lowest to highest'],
        rows: steps.map(({ label, value, range }) => [
          label,
          value.toFixed(0),
          `${range[0].toFixed(0)} to ${range[1].toFixed(0)}`,
        ]),
      },
    ],
    charts: [
      {
        title: 'Nanoseconds per call',
        bars: steps.map(({ label, value, range }) => ({ label, value, range, text: value.toFixed(0) })),
      },
    ],
    notes: fallbackReason === undefined ? [] : [`Without the native FarmHash: ${fallbackReason}.`],
    failures: [],
  }
}
