// Checks what has to be true for every input.
import type { ProxyVerdict } from '../../src/affinity/proxy-header.ts'
import type { Random } from '../support/random.ts'
import { MAX } from './inputs.ts'
import { headerLength } from './reference.ts'

export type Parse = (bytes: Buffer, max: number) => ProxyVerdict

/** @throws Error if the parser breaks a rule */
export function check(bytes: Buffer, parse: Parse, next: Random): ProxyVerdict['type'] {
  const whole = parse(bytes, MAX)
  const expected = headerLength(bytes, MAX)
  const length = whole.type === 'header' ? whole.length : undefined
  if (length !== expected) throw new Error(`expected a header of ${expected} bytes, got ${describe(whole)}`)
  const splits: [string, (asked: number) => number][] = [
    ['as it asks', (asked) => asked],
    ['byte by byte', () => 1],
    ['at random', (asked) => 1 + Math.floor(next() * asked)],
  ]
  for (const [how, take] of splits) {
    const { verdict, read } = readAsAsked(bytes, parse, take)
    if (describe(verdict) !== describe(whole))
      throw new Error(`${how}: expected ${describe(whole)}, got ${describe(verdict)}`)
    if (expected !== undefined && read !== expected) throw new Error(`${how}: read ${read} bytes of ${expected}`)
  }
  return whole.type
}

/** Reads only as many bytes as the parser asks for, until there is a verdict or the input ends. */
function readAsAsked(
  bytes: Buffer,
  parse: Parse,
  take: (asked: number) => number,
): { verdict: ProxyVerdict; read: number } {
  let read = 0
  for (;;) {
    const verdict = parse(bytes.subarray(0, read), MAX)
    if (verdict.type === 'more') {
      const { bytes: asked } = verdict
      if (!Number.isInteger(asked) || asked < 1 || read + asked > MAX)
        throw new Error(`asks for ${asked} after ${read}`)
    }
    if (verdict.type !== 'more' || read === bytes.length) return { verdict, read }
    read = Math.min(bytes.length, read + take(verdict.bytes))
  }
}

/** The part of a verdict that must not depend on the pieces: all of it, except the number of missing bytes. */
function describe(verdict: ProxyVerdict): string {
  if (verdict.type === 'more') return 'more'
  if (verdict.type === 'bad') return `bad: ${verdict.reason}`
  const { length, tlvs, source, destination } = verdict
  const parts = [source, destination].map((end) => `${end?.address.toString('hex')} ${end?.port}`)
  return `header: ${length}, ${parts.join(', ')}, ${tlvs.map(({ type, value }) => `${type} ${value.toString('hex')}`).join(', ')}`
}
