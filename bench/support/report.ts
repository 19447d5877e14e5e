// The answer to a question: plain data for the terminal, the README and the plot.

export interface Table {
  columns: readonly string[]
  rows: readonly (readonly string[])[]
}

/** One bar of a plot. */
export interface Bar {
  label: string
  /** undefined: there is no figure, and `text` has the reason. */
  value: number | undefined
  /** The lowest and the highest figure of the rounds. */
  range?: readonly [low: number, high: number]
  text: string
}

/** A chart: bars with a common scale. */
export interface Chart {
  title: string
  /** Position of a dashed line, the base of the comparison. */
  mark?: number
  bars: readonly Bar[]
}

export interface Report {
  tables: readonly Table[]
  charts: readonly Chart[]
  /** Sentences below the tables. */
  notes: readonly string[]
  /** The figures are computed, not measured, so they are the same on every machine. */
  exact?: boolean
  /** Failures of contenders; with any, the bench fails. */
  failures: readonly string[]
}
