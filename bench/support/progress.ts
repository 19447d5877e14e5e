// Writes the progress of the bench to stderr: on a terminal one line that changes, elsewhere one line per step.

const terminal = process.stderr.isTTY

export function progress(text: string): void {
  process.stderr.write(terminal ? `\r\u001B[K${text}` : `${text}\n`)
}

/** Removes the progress line. */
export function progressDone(): void {
  if (terminal) process.stderr.write('\r\u001B[K')
}
