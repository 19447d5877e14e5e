// Formats rows of texts as columns for a terminal.

/** @returns one line per row, indented by two spaces */
export function table(rows: readonly (readonly string[])[]): string {
  const width = (column: number) => Math.max(...rows.map((row) => row[column]?.length ?? 0))
  return rows.map((row) => `  ${row.map((text, n) => text.padEnd(width(n) + 2)).join('')}`.trimEnd()).join('\n')
}
