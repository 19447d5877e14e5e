// Reads an object of options. Each method checks one option; done() refuses the options that no method has read.
import { isIP } from 'node:net'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import type { ErrorCode } from '../errors.ts'

interface IntegerRule {
  min: number
  max: number
  /** The default. If it is Infinity, Infinity is a valid value too. */
  fallback: number
  /** Environment variable that replaces a missing option. */
  env?: string
  /** Whether digits as text are valid too: for a number that applications take from an environment variable. */
  text?: boolean
}

/** Milliseconds of the longest timer. Node fires a longer one after 1 ms. */
export const MAX_TIMER = 2 ** 31 - 1

/** How a command line has an option: error messages name the flag instead of the option then. */
export interface Flag {
  /** With its dashes. */
  readonly name: string
  /** A valid value, as a user writes it. */
  readonly example: string
  /** What the value should be, in words, where the words for the option do not fit. */
  readonly expected?: string
}

/** The options that came as flags, by the name of the option. */
export type Flagged = Readonly<Record<string, Flag>>

/** Every method throws a TypeError or RangeError with code HOLDFAST_BAD_OPTION for an invalid option. */
export class Reader {
  readonly #path: string
  readonly #options: ReadonlyMap<string, unknown>
  readonly #known: string[] = []
  readonly #flagged: Flagged
  readonly #parent: Parent | undefined

  /**
   * @param path - the name of the object in error messages: 'stickyListen options', 'stickyListen options.limits'
   * @param options - undefined counts as an empty object
   * @param parent - where the object is the value of an option of another object
   */
  constructor(path: string, options: unknown, flagged: Flagged = {}, parent?: Parent) {
    this.#flagged = flagged
    this.#parent = parent
    if (options !== undefined && (typeof options !== 'object' || options === null || Array.isArray(options))) {
      const write = parent === undefined ? '{ … }' : `${parent.name}: { … }`
      throw misuse(TypeError, `${path}: expected an object, got ${show(options)}; write ${write} or leave it out`)
    }
    this.#path = path
    this.#options = new Map<string, unknown>(Object.entries(options ?? {}))
  }

  /** The unchecked value, for a check that no other method has. */
  raw(name: string): unknown {
    if (!this.#known.includes(name)) this.#known.push(name)
    return this.#options.get(name)
  }

  /**
   * The error for an invalid value.
   *
   * @param expected - what the value should be, in words
   * @param write - an example of a valid value, as source text
   */
  wrong(name: string, kind: ErrorKind, expected: string, write: string, got: unknown): Error {
    const flag = this.#parent?.flag ?? this.#flagged[name]
    if (flag !== undefined) {
      const complaint = `expected ${flag.expected ?? expected}, got ${show(got)}`
      return misuse(kind, `${flag.name}: ${complaint}; write ${flag.name} ${flag.example}`)
    }
    const assignment = this.#parent === undefined ? `${name}: ${write}` : `${this.#parent.name}: { ${name}: ${write} }`
    return misuse(kind, `${this.#path}.${name}: expected ${expected}, got ${show(got)}; write ${assignment}`)
  }

  integer(name: string, { min, max, fallback, env, text: takesText = false }: IntegerRule): number {
    const given = this.raw(name)
    const value = takesText && typeof given === 'string' ? (numberOf(given) ?? given) : given
    const expected = `an integer from ${min} to ${max}${fallback === Infinity ? ' or Infinity' : ''}`
    const text = env === undefined ? undefined : process.env[env]
    if (value === undefined && env !== undefined && text) {
      const number = numberOf(text)
      if (number !== undefined && number >= min && number <= max) return number
      const kind = number === undefined ? TypeError : RangeError
      throw misuse(
        kind,
        `environment variable ${env}: expected ${expected}, got ${show(text)}; write ${env}=${fallback}`,
      )
    }
    if (value === undefined || value === fallback) return fallback
    if (typeof value !== 'number') throw this.wrong(name, TypeError, expected, String(fallback), given)
    if (!Number.isInteger(value) || value < min || value > max) {
      throw this.wrong(name, RangeError, expected, String(fallback), given)
    }
    return value
  }

  /** A TCP port, as a number or as text. */
  port(name: string, rule: Pick<IntegerRule, 'fallback' | 'env'>): number {
    return this.integer(name, { min: 0, max: 65535, text: true, ...rule })
  }

  milliseconds(name: string, fallback: number): number {
    return this.integer(name, { min: 0, max: MAX_TIMER, fallback })
  }

  string(name: string): string | undefined {
    const value = this.raw(name)
    if (value === undefined || isText(value)) return value
    if (value instanceof URL && value.protocol === 'file:') return fileURLToPath(value)
    throw this.wrong(name, TypeError, 'a string', "'…'", value)
  }

  /** An address or a host name to listen on; the brackets of an IPv6 address are removed. */
  host(name: string): string | undefined {
    const host = this.string(name)
    if (host === '' || host?.includes('/')) {
      throw this.wrong(name, RangeError, 'an address or a name to listen on', "'127.0.0.1', '::' or 'localhost'", host)
    }
    return host?.startsWith('[') && isIP(host.slice(1, -1)) === 6 ? host.slice(1, -1) : host
  }

  strings(name: string, fallback: readonly string[]): readonly string[] {
    const value = this.raw(name)
    if (value === undefined) return fallback
    if (Array.isArray(value) && value.every(isText)) return Object.freeze([...value])
    throw this.wrong(name, TypeError, 'an array of strings', "['…']", value)
  }

  /** An object of texts, or a function that returns one for a number. */
  recordOf(name: string): (of: number) => Readonly<Record<string, string>> {
    const value = this.raw(name)
    if (typeof value === 'function') return (of) => this.#record(name, Reflect.apply(value, undefined, [of]))
    const record = this.#record(name, value)
    return () => record
  }

  #record(name: string, value: unknown): Readonly<Record<string, string>> {
    if (value === undefined) return {}
    const entries = typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : null
    if (entries?.every(isVariable)) return Object.freeze(Object.fromEntries(entries))
    throw this.wrong(
      name,
      TypeError,
      'an object whose values are strings, or a function that returns one',
      "{ NAME: 'value' }",
      value,
    )
  }

  oneOf<T extends string>(name: string, choices: readonly T[], fallback: T): T {
    const value = this.raw(name)
    if (value === undefined) return fallback
    const found = choices.find((choice) => choice === value)
    if (found !== undefined) return found
    throw this.wrong(name, RangeError, choices.map((choice) => `'${choice}'`).join(' or '), `'${fallback}'`, value)
  }

  signals(name: string, fallback: readonly NodeJS.Signals[]): readonly NodeJS.Signals[] {
    const value = this.strings(name, fallback)
    // A process cannot handle these two signals.
    const unhandled = ['SIGKILL', 'SIGSTOP']
    const isSignal = (text: string): text is NodeJS.Signals =>
      Object.hasOwn(constants.signals, text) && !unhandled.includes(text)
    if (value.every(isSignal)) return value
    throw this.wrong(
      name,
      RangeError,
      'an array of signal names that a process can handle',
      "['SIGTERM', 'SIGINT']",
      value,
    )
  }

  instance<T>(name: string, kind: new () => T, expected: string): T | undefined {
    const value = this.raw(name)
    if (value === undefined || value instanceof kind) return value
    throw this.wrong(name, TypeError, expected, 'new AbortController().signal', value)
  }

  /** A reader of the value of an option. */
  nested(name: string, options: unknown): Reader {
    return new Reader(`${this.#path}.${name}`, options, {}, { name, flag: this.#flagged[name] })
  }

  /** A nested object of options. */
  group<T extends object>(name: string, build: (group: Reader) => T): Readonly<T> {
    const group = this.nested(name, this.raw(name))
    const built = Object.freeze(build(group))
    group.done()
    return built
  }

  /** Refuses options that no method has read. Call it last. */
  done(): void {
    for (const name of this.#options.keys()) {
      if (this.#known.includes(name)) continue
      const nearest = nearestOf(name, this.#known)
      const fix = nearest === undefined ? `known are ${this.#known.join(', ')}` : `did you mean '${nearest}'?`
      throw misuse(TypeError, `${this.#path}: unknown option '${name}'; ${fix}`)
    }
  }
}

/** The option whose value is an object of options. */
interface Parent {
  readonly name: string
  readonly flag: Flag | undefined
}

type ErrorKind = TypeErrorConstructor | RangeErrorConstructor

/** The error for a mistake in a call: the caller throws it at once. */
export function misuse(kind: ErrorKind, message: string): Error {
  return Object.assign(new kind(message), { code: 'HOLDFAST_BAD_OPTION' satisfies ErrorCode })
}

/** The number of a text that has only digits, with or without spaces around them; undefined for any other text. */
export function numberOf(text: string): number | undefined {
  return /^\s*\d+\s*$/.test(text) ? Number(text) : undefined
}

/** A value as source text, at most 60 characters long, for an error message. */
export function show(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  const text = inspect(value, { depth: 1, breakLength: Infinity, compact: true })
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

/** The most similar of the names; undefined where none is similar. */
export function nearestOf(name: string, names: readonly string[]): string | undefined {
  const nearest = names.toSorted((a, b) => distance(name, a) - distance(name, b))[0]
  return nearest !== undefined && distance(name, nearest) <= Math.max(2, name.length / 3) ? nearest : undefined
}

/** Levenshtein distance, ignoring letter case. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (const [i, from] of Array.from(a.toLowerCase()).entries()) {
    const next = [i + 1]
    for (const [j, to] of Array.from(b.toLowerCase()).entries()) {
      const swap = (row[j] ?? 0) + (from === to ? 0 : 1)
      next.push(Math.min(swap, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}

/** Whether the operating system accepts the text: it cannot contain a NUL. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0')
}

function isVariable(entry: [string, unknown]): entry is [string, string] {
  return /^[^=\0]+$/.test(entry[0]) && isText(entry[1])
}
