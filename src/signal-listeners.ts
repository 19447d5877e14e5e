// Whether the program itself listens to a signal, besides Holdfast.

/** What the package signal-exit shares among its copies: each copy adds one listener per signal and counts itself. */
interface SignalExit {
  count?: number
}

/**
 * Whether the program listens to the signal. The listeners of signal-exit, which many packages load, do not count: they do
 * nothing where another listener is there.
 *
 * @param own - Holdfast's listener
 */
export function programListensTo(signal: NodeJS.Signals, own: NodeJS.SignalsListener): boolean {
  const version4 = Reflect.get(globalThis, Symbol.for('signal-exit emitter')) as SignalExit | undefined
  const version3 = Reflect.get(process, '__signal_exit_emitter__') as SignalExit | undefined
  const others = process.listeners(signal).filter((listener) => listener !== own)
  return others.length > (version4?.count ?? 0) + (version3?.count ?? 0)
}
