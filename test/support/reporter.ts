// Reports a test run: one line per file, all details of each failure, and a last line with the counts.
//
// If CI is set, a skipped test counts as a failed one, so that a machine without a needed program is noticed.
import { Transform, type TransformCallback } from 'node:stream'

/** `ok 3 - a sentence # SKIP why # time=12ms`, at any depth. */
const POINT = /^( *)(not )?ok \d+(?: - (.*?))?(?: # (SKIP|TODO)\b ?(.*?))?(?: # time=([\d.]+)ms)?$/

/** Reads TAP as tap 21 writes it: one subtest per file, and in it one subtest per test. */
export default class Reporter extends Transform {
  readonly #strict = Boolean(process.env['CI'])
  readonly #failedFiles: string[] = []
  #rest = ''
  #file = ''
  #test: string[] = []
  #stories: string[] = []
  #tail: string[] | undefined
  #inFile = 0
  #failedInFile = 0
  #passed = 0
  #failed = 0
  #skipped = 0

  override _transform(chunk: Buffer, _encoding: string, done: TransformCallback): void {
    const lines = (this.#rest + chunk.toString()).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#read(line)
    done()
  }

  override _flush(done: TransformCallback): void {
    if (this.#rest !== '') this.#read(this.#rest)
    this.#endOfTail()
    const skipped = this.#skipped === 0 ? '' : `, ${this.#skipped} skipped`
    if (this.#strict && this.#skipped > 0) {
      process.exitCode = 1
      this.#say('with CI set, what was skipped has failed')
    }
    for (const file of this.#failedFiles) this.#say(`failed: ${file}`)
    this.#say(`${this.#passed} passed, ${this.#failed + (this.#strict ? this.#skipped : 0)} failed${skipped}`)
    done()
  }

  #read(line: string): void {
    const [, indent, not, name, directive, reason, time] = POINT.exec(line) ?? []
    if (this.#tail !== undefined && indent !== '' && line !== '' && line.startsWith(' ')) {
      this.#tail.push(line)
      return
    }
    this.#endOfTail()
    if (line.startsWith('Bail out!')) this.#say(line)
    if (line.startsWith('# Subtest: ')) this.#file = line.slice(11)
    this.#test.push(line)
    if (indent === undefined) return
    if (directive !== undefined) this.#skip(name ?? '', directive, reason ?? '')
    if (indent.length === 4) this.#testEnds(not === undefined, directive !== undefined)
    if (indent.length === 0) this.#fileEnds(not === undefined, name ?? this.#file, Number(time ?? 0))
  }

  #skip(name: string, directive: string, reason: string): void {
    this.#skipped++
    this.#say(`${directive.toLowerCase()}  ${this.#file}: ${name}${reason === '' ? '' : ` (${reason})`}`)
  }

  #testEnds(ok: boolean, skipped: boolean): void {
    this.#inFile++
    if (ok && !skipped) this.#passed++
    if (!ok) {
      this.#failedInFile++
      this.#stories.push(...this.#test.filter((line) => !/^ +ok \d/.test(line)))
    }
    this.#test = []
  }

  #fileEnds(ok: boolean, name: string, milliseconds: number): void {
    // A file can fail although its tests pass: by a timeout, an exit code, or an exception while loading.
    if (!ok && this.#failedInFile === 0) this.#stories.push(...this.#test)
    this.#failed += ok ? 0 : Math.max(1, this.#failedInFile)
    if (!ok) this.#failedFiles.push(name)
    const count = `${this.#inFile} ${this.#inFile === 1 ? 'test' : 'tests'}`
    this.#say(`${ok ? 'ok  ' : 'FAIL'}  ${name}  ${count}, ${(milliseconds / 1000).toFixed(1)} s`)
    if (!ok) this.#tail = this.#stories
    this.#stories = []
    this.#test = []
    this.#inFile = 0
    this.#failedInFile = 0
  }

  /** Reads tap's text about a failed file, which follows the result. */
  #endOfTail(): void {
    if (this.#tail === undefined) return
    this.#say(this.#tail.join('\n'))
    this.#tail = undefined
  }

  #say(text: string): void {
    this.push(`${text}\n`)
  }
}
