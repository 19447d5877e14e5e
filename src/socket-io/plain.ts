// What of a value can travel between processes. Workers are to send their clients the same, so it is what Socket.IO's parser
// makes of it: JSON with bytes in it.
import { types } from 'node:util'
import { serialize } from 'node:v8'

/** Levels that are followed; what is below is left out before the stack ends. */
const MAX_DEPTH = 1_000

/**
 * As in JSON toJSON() speaks for an object, functions, symbols and what is undefined are left out, and of an object of a
 * class its properties remain. Bytes stay bytes; dates, maps, sets, errors and regular expressions stay for a serializer
 * that knows them. Where JSON would throw this goes on: a bigint becomes text, and what refers back to itself is left out.
 *
 * @returns the value itself where it is plain already, so that most messages cost no copy
 */
export function plain(value: unknown, { maxDepth = MAX_DEPTH, asBuffers = false }: PlainOptions = {}): unknown {
  try {
    return walk(value, { above: [], maxDepth, asBuffers, isInside: false })
  } catch {
    return undefined // a Proxy can throw at everything
  }
}

/** For v8.deserialize(). Nothing that is in the value makes it throw. */
export function serializePlain(value: unknown): Buffer {
  const data = plain(value)
  try {
    return serialize(data)
  } catch {
    // Such as an ArrayBuffer that was transferred, which nothing tells apart before.
    const text: string | undefined = JSON.stringify(data)
    return serialize(text === undefined ? undefined : JSON.parse(text))
  }
}

interface PlainOptions {
  /** Levels that are followed; what is below is left out. */
  maxDepth?: number
  /** Bytes of all kinds as Buffers, as clients get them: MessagePack knows no others. */
  asBuffers?: boolean
}

interface Walk extends Readonly<Required<PlainOptions>> {
  /** The objects that the present one is in. */
  readonly above: object[]
  /** Whether one of them is of a class. */
  isInside: boolean
}

/** @param isSaid - by toJSON(), which JSON asks once */
function walk(value: unknown, way: Walk, isSaid = false): unknown {
  if (typeof value === 'bigint') return !isSaid && speaks(value) ? walk(value.toJSON(), way, true) : String(value)
  if (typeof value === 'function' || typeof value === 'symbol') return undefined
  if (typeof value !== 'object' || value === null) return value
  if (isCarried(value)) return way.asBuffers ? asBuffer(value) : value
  if (way.above.includes(value) || way.above.length >= way.maxDepth) return entangled(way)
  way.above.push(value)
  const result = ofObject(value, way, isSaid)
  way.above.pop()
  return result
}

function ofObject(value: object, way: Walk, isSaid: boolean): unknown {
  if (!isSaid && speaks(value)) {
    return guarded(way, () => {
      const said = value.toJSON()
      return said === value ? ofObject(value, way, true) : walk(said, way, true)
    })
  }
  if (Array.isArray(value)) return ofArray(value, way)
  const prototype: unknown = Object.getPrototypeOf(value)
  if ((prototype === Object.prototype || prototype === null) && !types.isProxy(value)) return ofProperties(value, way)
  return guarded(way, () => ofInstance(value, way))
}

function ofArray(value: unknown[], way: Walk): unknown {
  let copy = types.isProxy(value) ? [...value] : undefined
  for (let n = 0; n < value.length; n++) {
    const before = value[n]
    const after = walk(before, way)
    if (Object.is(after, before)) continue
    copy ??= [...value]
    // The others keep their places, as in JSON.
    copy[n] = after ?? null
  }
  return copy ?? value
}

/** @param copy - where there has to be one */
function ofProperties(value: object, way: Walk, copy?: Map<string, unknown>): unknown {
  const keys = Object.keys(value)
  for (const key of keys) {
    const before = read(value, key)
    const after = walk(before, way)
    if (copy === undefined && Object.is(after, before) && after !== undefined) continue
    copy ??= new Map(keys.slice(0, keys.indexOf(key)).map((one) => [one, read(value, one)]))
    if (after !== undefined) copy.set(key, after)
  }
  return copy === undefined ? value : Object.fromEntries(copy)
}

function ofInstance(value: object, way: Walk): unknown {
  // A timer hangs together with all others of the process, and a handle with whatever uses it.
  if (typeof Reflect.get(value, 'hasRef') === 'function') return undefined
  if (types.isBoxedPrimitive(value)) return walk(value.valueOf(), way)
  if (value instanceof Map) return new Map([...value].map(([key, one]) => [walk(key, way), walk(one, way)]))
  if (value instanceof Set) return new Set([...value].map((one) => walk(one, way)))
  if (types.isNativeError(value) && Object.keys(value).length === 0) return value
  return ofProperties(value, way, new Map())
}

/**
 * An object of a class that refers back to itself, or throws, is a part of the program and no data: all of it is left out,
 * because its properties may lead anywhere.
 */
function guarded(way: Walk, act: () => unknown): unknown {
  if (way.isInside) return act()
  const depth = way.above.length
  way.isInside = true
  try {
    return act()
  } catch {
    way.above.length = depth
    return undefined
  } finally {
    way.isInside = false
  }
}

function entangled({ isInside }: Walk): undefined {
  if (isInside) throw new Error('it refers back to itself')
  return undefined
}

function isCarried(value: object): boolean {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof Date || value instanceof RegExp
}

function asBuffer(value: object): object {
  if (value instanceof ArrayBuffer) return Buffer.from(value)
  if (value instanceof Uint8Array || !ArrayBuffer.isView(value)) return value
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

function speaks(value: object | bigint): value is (object | bigint) & { toJSON(): unknown } {
  return typeof (value as { toJSON?: unknown }).toJSON === 'function'
}

/** A getter that throws counts as what is left out. */
function read(value: object, key: string): unknown {
  try {
    return (value as Record<string, unknown>)[key]
  } catch {
    return Symbol.for('unreadable')
  }
}
