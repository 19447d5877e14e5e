// What the state machines take from outside: the clock, chance and timers. Steering, supervision, the primary and the
// session layer use nothing else of the kind, so a simulator runs them unchanged on a clock of its own.

/** Timers have the meaning and the types of Node's own. Times are milliseconds. */
export interface World {
  /** The monotonic clock. */
  now(): number
  /** A number from 0 to 1, not 1 itself. */
  random(): number
  /** Bytes that cannot be guessed. */
  randomBytes(size: number): Buffer
  setTimeout(callback: () => void, milliseconds: number): NodeJS.Timeout
  clearTimeout(timer: NodeJS.Timeout | undefined): void
  setInterval(callback: () => void, milliseconds: number): NodeJS.Timeout
  clearInterval(timer: NodeJS.Timeout | undefined): void
  /** Calls back at the end of this turn of the event loop. */
  setImmediate(callback: () => void): NodeJS.Immediate
  clearImmediate(timer: NodeJS.Immediate | undefined): void
}

/** The world that programs run in. */
export const realWorld: World = Object.freeze({
  now: () => performance.now(),
  random: () => Math.random(),
  // An import would load node:crypto, almost a megabyte, into every worker.
  randomBytes: (size: number) => process.getBuiltinModule('node:crypto').randomBytes(size),
  setTimeout: (callback: () => void, milliseconds: number) => setTimeout(callback, milliseconds),
  clearTimeout,
  setInterval: (callback: () => void, milliseconds: number) => setInterval(callback, milliseconds),
  clearInterval,
  setImmediate: (callback: () => void) => setImmediate(callback),
  clearImmediate,
})
