// What a question answers: plain data, for the terminal, the README and the plot.

export interface Table {
  columns: readonly string[]
  rows: readonly (readonly string[])[]
}

/** One bar of a plot. */
export interface Bar {
  label: string
  /** undefined: no figure, `text` says why. */
  value: number | undefined
  /** The lowest and the highest of the rounds. */
  range?: readonly [low: number, high: number]
  text: string
}

/** Bars with a common scale. */
export interface Chart {
  title: string
  /** A dashed line, where the comparison starts. */
  mark?: number
  bars: readonly Bar[]
}

export interface Report {
  tables: readonly Table[]
  charts: readonly Chart[]
  /** Sentences below the tables. */
  notes: readonly string[]
  /** The same on every machine: computed, not measured. */
  exact?: boolean
  /** What did not answer as it should; the bench fails then. */
  failures: readonly string[]
}
