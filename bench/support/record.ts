// Stores and shows the figures: bench/results has the figures, bench/README.md the tables between its markers,
// bench/plots a picture per question.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { Machine } from './machine.ts'
import { plot } from './plot.ts'
import type { Report } from './report.ts'
import { markdownTable } from './text-table.ts'

const BENCH = new URL('../../../bench/', import.meta.url)

/** One run of one question. */
export interface Entry {
  machine: Machine
  command: string
  report: Report
}

/** Runs by major version of Node; the newest run of each version is kept. */
type Entries = Record<string, Entry>

export function record(question: string, entry: Entry): void {
  const file = new URL(`results/${question}.json`, BENCH)
  const key = entry.report.exact === true ? 'any' : (entry.machine.versions['Node.js']?.split('.')[0] ?? '')
  const entries = { ...read(file), [key]: entry }
  for (const folder of ['results/', 'plots/']) mkdirSync(new URL(folder, BENCH), { recursive: true })
  writeFileSync(file, `${JSON.stringify(entries, undefined, 2)}\n`)
  const charts = Object.values(entries).flatMap(({ machine, report }) =>
    report.charts.map((chart) => ({ ...chart, title: `${nodeText(machine, report)}${chart.title}` })),
  )
  writeFileSync(new URL(`plots/${question}.svg`, BENCH), plot(charts))
  const readme = new URL('README.md', BENCH)
  writeFileSync(readme, replaceSection(readFileSync(readme, 'utf8'), question, section(question, entries)))
}

function read(file: URL): Entries {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Entries) : {}
}

function section(question: string, entries: Entries): string {
  const runs = Object.values(entries).map(({ machine, command, report }) =>
    [
      report.exact === true
        ? `\`${command}\``
        : `**${nodeText(machine, report).trim()}** ${machineText(machine)}. \`${command}\``,
      ...report.tables.map(markdownTable),
      ...report.notes,
    ].join('\n\n'),
  )
  return [...runs, `![The same as bars](plots/${question}.svg)`].join('\n\n')
}

function nodeText({ versions }: Machine, { exact }: Report): string {
  return exact === true ? '' : `Node.js ${versions['Node.js']}: `
}

function machineText({ cpu, cores, memory, system, versions }: Machine): string {
  const others = Object.entries(versions).filter(([name]) => name !== 'Node.js')
  return `${cpu}, ${cores} cores, ${memory}, ${system}; ${others.map(([name, version]) => `${name} ${version}`).join(', ')}`
}

/** @throws Error when the README has lost the markers */
export function replaceSection(readme: string, question: string, text: string): string {
  const [begin, end] = [`<!-- ${question}: generated -->`, `<!-- ${question}: end -->`]
  const from = readme.indexOf(begin)
  const to = readme.indexOf(end)
  if (from < 0 || to < from) throw new Error(`bench/README.md: expected '${begin}' and '${end}'`)
  // Prettier would format rows that have a reason in place of figures differently.
  const kept = ['<!-- prettier-ignore-start -->', text, '<!-- prettier-ignore-end -->'].join('\n\n')
  return `${readme.slice(0, from + begin.length)}\n\n${kept}\n\n${readme.slice(to)}`
}
