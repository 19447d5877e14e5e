// What the bench is doing right now, on stderr: one line that changes on a terminal, a line each elsewhere.

const terminal = process.stderr.isTTY

export function progress(text: string): void {
  process.stderr.write(terminal ? `\r\u001B[K${text}` : `${text}\n`)
}

/** Takes the changing line away. */
export function progressDone(): void {
  if (terminal) process.stderr.write('\r\u001B[K')
}
