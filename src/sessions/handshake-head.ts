// Finds the place for a header in the bytes that answer an upgrade, without holding any of them back. Pure.

/** Bytes of the lines before the status line of the final answer. What is longer is no head. */
const MAX_SCANNED = 64 * 1024

const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})[ \r\n]/
const BEGINNING = 'HTTP/1.'
const LONGEST_STATUS_LINE = 1024
const NEWLINE = 10

/** Looks at the bytes of an answer as they come, in pieces of any size. */
export class HandshakeHead {
  /** The current line as far as it has come. */
  #line = ''
  /** The lines of an interim answer, such as 102 Processing, are being skipped. */
  #isInterim = false
  #scanned = 0
  #isDone = false

  /** Whether the place was found, or there is none: the answer is not 101, or no HTTP. */
  get isDone(): boolean {
    return this.#isDone
  }

  /**
   * @param bytes - the next bytes of the answer
   * @returns where a header line can stand: behind the status line of a 101; undefined: not in these bytes
   */
  find(bytes: Uint8Array): number | undefined {
    for (let at = 0; at < bytes.length && !this.#isDone;) {
      const newline = bytes.indexOf(NEWLINE, at)
      const end = newline < 0 ? bytes.length : newline + 1
      this.#line += Buffer.from(bytes.subarray(at, end)).toString('latin1')
      this.#scanned += end - at
      at = end
      if (newline >= 0 && this.#endLine()) return end
      if (newline < 0 && !this.#isInterim) this.#isDone = !mayBeStatusLine(this.#line)
      if (this.#scanned > MAX_SCANNED) this.#isDone = true
    }
    return undefined
  }

  /** @returns whether the line was the status line of a 101 */
  #endLine(): boolean {
    const line = this.#line
    this.#line = ''
    if (this.#isInterim) {
      this.#isInterim = line.trim() !== ''
      return false
    }
    const status = STATUS_LINE.exec(line)?.[1] ?? ''
    this.#isInterim = status.startsWith('1') && status !== '101'
    this.#isDone = !this.#isInterim
    return status === '101'
  }
}

function mayBeStatusLine(line: string): boolean {
  return line.length <= LONGEST_STATUS_LINE && line.startsWith(BEGINNING.slice(0, line.length))
}
