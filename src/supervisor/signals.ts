// Signals to the primary: the first one closes tidily, the second one ends everything at once; others reload and scale.
import { once } from 'node:events'
import { constants } from 'node:os'
import { Deadline } from '../async/waiting.ts'
import type { Logger } from '../logger.ts'
import type { Settings } from '../options/settings.ts'
import { programListensTo } from '../signal-listeners.ts'
import type { World } from '../world.ts'

interface SignalActions {
  /** Closes within so many milliseconds. Resolves with false if something had to be killed. */
  first(deadline: number): Promise<boolean>
  /** Kills everything. */
  second(): void
  /** Replaces the workers. Failures are logged where they happen. */
  reload(): Promise<void>
  /** One worker more or less. */
  scale(by: 1 | -1): Promise<void>
}

/**
 * Milliseconds in which the same signal once more is an echo of the first one. The terminal sends Ctrl-C to npm and to its
 * child, and npm sends it on; a service manager may signal the whole group and the main process besides.
 */
const ECHO = 250

/** The signals by which gunicorn scales. */
const SCALE: Partial<Record<NodeJS.Signals, 1 | -1>> = { SIGTTIN: 1, SIGTTOU: -1 }

/**
 * Ends this process after the first signal: code 0, or 1 where the deadline had to be forced. A second signal kills the
 * workers and exits with 1 at once, unless this process sent it to itself. Listeners of the program have until the deadline.
 *
 * @returns stops listening for signals
 */
export function handleSignals(
  { shutdown, reload, logger }: Pick<Settings, 'shutdown' | 'reload' | 'logger'>,
  world: Pick<World, 'now'>,
  on: SignalActions,
): () => void {
  const which = countSignals(() => world.now())
  const own = watchOwnSignals()
  let isEnding = false
  let onRepeated = (): void => {}
  const end = (signal: NodeJS.Signals): void => {
    const isOwn = own.hasSent(signal)
    const isHeard = programListensTo(signal, end)
    const nth = which(signal)
    // Some frameworks remove their listener when their work is done, and send the signal again: it would end the process.
    if (isOwn && nth !== 'first') return isHeard ? undefined : onRepeated()
    if (nth === 'echo') return
    logger.info('balancer.signal', { signal, second: nth === 'second' || undefined })
    if (nth === 'second') {
      on.second()
      process.exit(1)
    }
    isEnding = true
    const deadline = new Deadline(shutdown.deadline)
    const repeated = new Promise<void>((done) => (onRepeated = done))
    const exit = async (clean: boolean): Promise<void> => {
      if (isHeard) {
        if (!clean) process.exitCode = 1
        const inTime = await deadline.wait(Promise.race([once(process, 'beforeExit'), repeated]))
        if (!inTime) logger.warn('balancer.cut', { signal, hint: `a listener of ${signal} has not ended the process` })
      }
      process.exit(clean ? 0 : 1)
    }
    on.first(shutdown.deadline).then(exit, (error: unknown) => {
      logger.error('balancer.close-failed', { error })
      process.exit(1)
    })
  }
  const change = (signal: NodeJS.Signals): void => {
    logger.info('balancer.signal', { signal })
    const by = SCALE[signal]
    const done = by === undefined ? on.reload() : on.scale(by)
    done.catch(() => {}) // logged already
  }
  // A terminal that is closed ends the programs in it by SIGHUP. A daemon has no terminal: there SIGHUP asks for a reload.
  const terminal = process.getBuiltinModule('node:tty').isatty(0)
  const ends = terminal && reload.signals.includes('SIGHUP') ? [...shutdown.signals, 'SIGHUP'] : shutdown.signals
  const changes = [...reload.signals, ...Object.keys(SCALE)].filter((signal) => !ends.includes(signal as 'SIGHUP'))
  for (const signal of ends) process.on(signal, end)
  for (const signal of changes) process.on(signal, change)
  return () => {
    // The process is about to end, and a signal that the program sends again must not end it before.
    if (isEnding) return
    own.stop()
    for (const signal of ends) process.off(signal, end)
    for (const signal of changes) process.off(signal, change)
  }
}

/**
 * An uncaught error in the primary ends it with code 1, as in any Node program. The workers are asked to end before.
 *
 * @returns stops listening
 */
export function handleCrash(logger: Logger, stopWorkers: () => void): () => void {
  const crashed = (error: Error, origin: string): void => {
    // The application handles uncaught errors itself, so the process goes on.
    if (process.listenerCount('uncaughtException') > 0 || process.hasUncaughtExceptionCaptureCallback()) return
    logger.error('balancer.uncaught', { error, origin })
    stopWorkers()
  }
  process.on('uncaughtExceptionMonitor', crashed)
  return () => void process.off('uncaughtExceptionMonitor', crashed)
}

/** Notices the signals that this process sends to itself. A signal does not tell its handler the sender. */
function watchOwnSignals(): { hasSent(signal: NodeJS.Signals): boolean; stop(): void } {
  const sent = new Set<string>()
  const original: unknown = Reflect.get(process, 'kill')
  const kill = process.kill.bind(process)
  const watched: typeof kill = (pid, signal = 'SIGTERM') => {
    const [name] = Object.entries(constants.signals).find((entry) => entry.includes(signal as never)) ?? []
    if (name !== undefined && pid === process.pid) sent.add(name)
    return kill(pid, signal)
  }
  process.kill = watched
  return {
    hasSent: (signal) => sent.delete(signal),
    stop() {
      if (process.kill === watched) Object.assign(process, { kill: original })
    },
  }
}

/** @param now - milliseconds */
export function countSignals(now: () => number): (signal: NodeJS.Signals) => 'first' | 'echo' | 'second' {
  let first: { signal: NodeJS.Signals; at: number } | undefined
  return (signal) => {
    if (first === undefined) {
      first = { signal, at: now() }
      return 'first'
    }
    return signal === first.signal && now() - first.at < ECHO ? 'echo' : 'second'
  }
}
