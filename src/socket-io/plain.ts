// Reduces a value of the application to data that can travel between processes. All workers must send their clients the
// same, so the result is what Socket.IO's parser makes of the value: JSON that may contain bytes.
import { types } from 'node:util'
import { deserialize, serialize } from 'node:v8'

/** Default number of levels of nested data; deeper ones are left out, so that the stack does not overflow. */
const MAX_DEPTH = 1_000

/**
 * As in JSON, the result of toJSON() replaces an object; functions, symbols and undefined are left out; and an object
 * of a class becomes its properties. Bytes stay bytes; dates, maps, sets, errors and regular expressions stay for a
 * serializer that supports them. Where JSON.stringify() would throw, a bigint becomes text, and a reference back to an
 * object above is left out.
 *
 * @returns the value itself where it is plain already, so that most messages need no copy
 */
export function plain(value: unknown, options: PlainOptions = {}): unknown {
  const way = startOf(options, false)
  try {
    return walk(value, way)
  } catch {
    return undefined // a Proxy can throw on each access
  }
}

/**
 * Makes the argument of a call plain, where the application can still be told: what `plain()` changes or leaves out
 * because JSON refuses it is an error here. A function, a symbol or a map is no error, because JSON takes them.
 *
 * @throws TypeError for a bigint or a reference back to an object above, RangeError for data that is nested too deeply,
 *   and whatever a getter or a toJSON() throws
 */
export function strictlyPlain(value: unknown, options: PlainOptions = {}): unknown {
  return walk(value, startOf(options, true))
}

/** A copy of the data as it is now. @throws as {@link strictlyPlain} */
export function snapshot<T>(value: T, options: PlainOptions = {}): T {
  return deserialize(serializeData(strictlyPlain(value, options))) as T
}

/** Serializes any value for v8.deserialize(), made plain. Never throws. */
export function serializePlain(value: unknown): Buffer {
  return serializeData(plain(value))
}

/** Serializes the argument of a call for v8.deserialize(). @throws as {@link strictlyPlain} */
export function serializeStrictlyPlain(value: unknown): Buffer {
  return serializeData(strictlyPlain(value))
}

function serializeData(data: unknown): Buffer {
  try {
    return serialize(data)
  } catch {
    // V8 refuses an ArrayBuffer that was transferred, which looks like any other one before.
    const text: string | undefined = JSON.stringify(data)
    return serialize(text === undefined ? undefined : JSON.parse(text))
  }
}

export interface PlainOptions {
  /** Levels of nested data that are kept; deeper ones are left out. */
  maxDepth?: number
  /**
   * Turns typed arrays of all kinds and ArrayBuffers into Buffers, as clients get them: MessagePack has no other bytes.
   */
  asBuffers?: boolean
}

interface Walk extends Readonly<Required<PlainOptions>> {
  /** Whether data that JSON refuses is an error. */
  readonly isStrict: boolean
  /** The objects that contain the current one, outermost first. */
  readonly above: object[]
  /** Whether one of these objects is of a class. */
  isInClass: boolean
}

function startOf({ maxDepth = MAX_DEPTH, asBuffers = false }: PlainOptions, isStrict: boolean): Walk {
  return { above: [], maxDepth, asBuffers, isStrict, isInClass: false }
}

/** @param isJson - whether the value is the result of toJSON(), which is called once */
function walk(value: unknown, way: Walk, isJson = false): unknown {
  if (typeof value === 'bigint')
    return !isJson && hasToJson(value) ? walk(value.toJSON(), way, true) : asText(value, way)
  if (typeof value === 'function' || typeof value === 'symbol') return undefined
  if (typeof value !== 'object' || value === null) return value
  if (isKept(value)) return way.asBuffers ? asBuffer(value) : value
  if (way.above.includes(value)) return circular(way)
  if (way.above.length >= way.maxDepth) return tooDeep(way)
  way.above.push(value)
  const result = ofObject(value, way, isJson)
  way.above.pop()
  return result
}

function ofObject(value: object, way: Walk, isJson: boolean): unknown {
  if (!isJson && hasToJson(value)) {
    return guarded(way, () => {
      const json = value.toJSON()
      return json === value ? ofObject(value, way, true) : walk(json, way, true)
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
    // As in JSON, the other items keep their indexes.
    copy[n] = after ?? null
  }
  return copy ?? value
}

/** @param copy - to fill in any case; without it there is only a copy where something changes */
function ofProperties(value: object, way: Walk, copy?: Map<string, unknown>): unknown {
  const keys = Object.keys(value)
  for (const key of keys) {
    const before = read(value, key, way)
    const after = walk(before, way)
    if (copy === undefined && Object.is(after, before) && after !== undefined) continue
    copy ??= new Map(keys.slice(0, keys.indexOf(key)).map((one) => [one, read(value, one, way)]))
    if (after !== undefined) copy.set(key, after)
  }
  return copy === undefined ? value : Object.fromEntries(copy)
}

function ofInstance(value: object, way: Walk): unknown {
  // A timer refers to all other timers of the process, and a handle to its users.
  if (!way.isStrict && typeof Reflect.get(value, 'hasRef') === 'function') return undefined
  if (types.isBoxedPrimitive(value)) return walk(value.valueOf(), way)
  if (value instanceof Map) return new Map([...value].map(([key, one]) => [walk(key, way), walk(one, way)]))
  if (value instanceof Set) return new Set([...value].map((one) => walk(one, way)))
  if (types.isNativeError(value) && Object.keys(value).length === 0) return value
  return ofProperties(value, way, new Map())
}

/**
 * Leaves out an object of a class as a whole when it refers back to itself or throws: it is a part of the program and
 * no data, and its properties may lead anywhere.
 */
function guarded(way: Walk, act: () => unknown): unknown {
  if (way.isInClass || way.isStrict) return act()
  const depth = way.above.length
  way.isInClass = true
  try {
    return act()
  } catch {
    way.above.length = depth
    return undefined
  } finally {
    way.isInClass = false
  }
}

function asText(value: bigint, { isStrict }: Walk): string {
  if (isStrict) throw new TypeError('a BigInt cannot be sent: JSON has none; send String(value)')
  return String(value)
}

function circular({ isStrict, isInClass }: Walk): undefined {
  if (isStrict || isInClass) throw new TypeError('an object that refers back to itself cannot be sent')
  return undefined
}

function tooDeep({ isStrict, isInClass, maxDepth }: Walk): undefined {
  if (isStrict || isInClass)
    throw new RangeError(`data cannot be sent that is nested more than ${maxDepth} levels deep`)
  return undefined
}

function isKept(value: object): boolean {
  return ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof Date || value instanceof RegExp
}

function asBuffer(value: object): object {
  if (value instanceof ArrayBuffer) return Buffer.from(value)
  if (value instanceof Uint8Array || !ArrayBuffer.isView(value)) return value
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}

function hasToJson(value: object | bigint): value is (object | bigint) & { toJSON(): unknown } {
  return typeof (value as { toJSON?: unknown }).toJSON === 'function'
}

/** A getter that throws gives a symbol, which is left out. */
function read(value: object, key: string, { isStrict }: Walk): unknown {
  try {
    return (value as Record<string, unknown>)[key]
  } catch (error) {
    if (isStrict) throw error
    return Symbol.for('unreadable')
  }
}
