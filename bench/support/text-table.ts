// Formats tables as text: aligned for a terminal, or as Markdown.
import type { Table } from './report.ts'

export function terminalTable(table: Table): string {
  const widths = columnWidths(table)
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, i) => pad(cell, widths[i] ?? 0, i))
      .join('  ')
      .trimEnd()
  return [line(table.columns), line(widths.map((width) => '-'.repeat(width))), ...table.rows.map(line)].join('\n')
}

export function markdownTable(table: Table): string {
  const widths = columnWidths(table)
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => pad(cell, widths[i] ?? 0, i)).join(' | ')} |`
  const rule = widths.map((width, i) =>
    i === 0 ? '-'.repeat(Math.max(3, width)) : `${'-'.repeat(Math.max(2, width - 1))}:`,
  )
  return [line(table.columns), `| ${rule.join(' | ')} |`, ...table.rows.map(line)].join('\n')
}

/** Largest width for a column of figures; a longer reason in place of a figure does not widen its column. */
const LONGEST_FIGURE = 18

function columnWidths({ columns, rows }: Table): number[] {
  return columns.map((title, i) =>
    rows.reduce(
      (width, row) => {
        const length = row[i]?.length ?? 0
        return i > 0 && length > LONGEST_FIGURE ? width : Math.max(width, length)
      },
      Math.max(3, title.length),
    ),
  )
}

/** Aligns text to the left and figures to the right. */
function pad(cell: string, width: number, column: number): string {
  return column === 0 || cell.length > LONGEST_FIGURE ? cell.padEnd(width) : cell.padStart(width)
}
