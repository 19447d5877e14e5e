// Draws charts of horizontal bars as one SVG, readable on a light and on a dark page.
import type { Bar, Chart } from './report.ts'

const WIDTH = 800
const LABELS = 320
/** Right end of the longest bar; its text follows. */
const END = WIDTH - 60
const ROW = 24
const TITLE = 40
const GAP = 22

const STYLE = `
text { font: 13px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: #1f2328 }
.title { font-weight: 600; font-size: 14px }
.quiet { fill: #59636e }
.bar { fill: #8c959f }
.ours { fill: #0b7a75 }
.range { stroke: #1f2328; stroke-width: 1.5; opacity: 0.65 }
.mark { stroke: #59636e; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .quiet { fill: #9198a1 }
  .bar { fill: #6e7681 }
  .ours { fill: #2bb3a8 }
  .range { stroke: #e6edf3 }
  .mark { stroke: #9198a1 }
}`

export function plot(charts: readonly Chart[]): string {
  const parts: string[] = []
  let top = 8
  for (const chart of charts) {
    parts.push(...drawChart(chart, top))
    top += height(chart)
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${top}" width="${WIDTH}" height="${top}" role="img">
<style>${STYLE}
</style>
${parts.join('\n')}
</svg>
`
}

function height({ bars }: Chart): number {
  return TITLE + bars.length * ROW + GAP
}

function drawChart({ title, mark, bars }: Chart, top: number): string[] {
  const largest = Math.max(mark ?? 0, ...bars.map(({ value, range }) => Math.max(value ?? 0, range?.[1] ?? 0)))
  const x = (value: number) => round(LABELS + ((END - LABELS) * value) / (largest || 1))
  const rows = bars.map((bar, i) => ({ bar, y: top + TITLE + i * ROW }))
  const parts = rows.flatMap(({ bar, y }) => shapes(bar, y, x))
  if (mark !== undefined && mark > 0) {
    const bottom = top + TITLE + bars.length * ROW
    parts.push(`<line class="mark" x1="${x(mark)}" x2="${x(mark)}" y1="${top + TITLE - 6}" y2="${bottom}"/>`)
  }
  parts.push(`<text class="title" x="8" y="${top + 18}">${escape(title)}</text>`)
  return [...parts, ...rows.flatMap(({ bar, y }) => texts(bar, y, x))]
}

type Scale = (value: number) => number

function shapes({ label, value, range }: Bar, y: number, x: Scale): string[] {
  if (value === undefined) return []
  const kind = label.startsWith('Holdfast') ? 'bar ours' : 'bar'
  const bar = `<rect class="${kind}" x="${LABELS}" y="${y}" width="${round(x(value) - LABELS)}" height="16" rx="2"/>`
  if (range === undefined || range[0] >= range[1]) return [bar]
  return [bar, `<line class="range" x1="${x(range[0])}" x2="${x(range[1])}" y1="${y + 8}" y2="${y + 8}"/>`]
}

function texts({ label, value, range, text }: Bar, y: number, x: Scale): string[] {
  const base = y + 13
  const name = `<text x="${LABELS - 10}" y="${base}" text-anchor="end">${escape(label)}</text>`
  if (value === undefined)
    return [name, `<text class="quiet" x="${LABELS}" y="${base}">${escape(shorten(text))}</text>`]
  const end = Math.max(x(value), x(range?.[1] ?? 0))
  return [name, `<text x="${round(end + 6)}" y="${base}">${escape(text)}</text>`]
}

function shorten(text: string): string {
  return text.length > 60 ? `${text.slice(0, 58)}…` : text
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
