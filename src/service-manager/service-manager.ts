// Reports the state of the primary to the service manager that started it: to systemd by the protocol of sd_notify(3),
// to PM2 by a message.
import type { Logger } from '../logger.ts'
import type { ManagedWorker } from '../supervisor/managed-worker.ts'
import type { SocketKeeper } from './kept-sockets.ts'
import { openNotifier, type Notifier } from './notify.ts'

type Workers = readonly Pick<ManagedWorker, 'isServing'>[]
type Environment = Readonly<Record<string, string | undefined>>

/** Never throws. Without a service manager it sends nothing. */
export class ServiceManager implements SocketKeeper {
  readonly #env: Environment
  readonly #notifier: Notifier | undefined
  readonly #workers: () => Workers
  readonly #watchdog: NodeJS.Timeout | undefined
  #status = ''
  #prefix = ''
  #started = false
  #stopping = false

  constructor(log: Logger, workers: () => Workers, env: Environment = process.env) {
    this.#env = env
    this.#workers = workers
    this.#notifier = openNotifier(env['NOTIFY_SOCKET'], log)
    const period = watchdogPeriod(env)
    if (this.#notifier === undefined || period === undefined) return
    this.#watchdog = setInterval(() => this.#send('WATCHDOG=1'), period).unref()
  }

  get keepsSockets(): boolean {
    return this.#notifier?.canStore ?? false
  }

  /** Every worker is ready. */
  ready(): void {
    this.#started = true
    this.#send('READY=1', this.#newStatus())
    // PM2 waits for this message with wait_ready. The callback keeps a closed channel from emitting 'error'.
    if (this.#env['pm_id'] !== undefined) process.send?.('ready', undefined, undefined, () => {})
  }

  /** Reports the state of the workers, if it has changed. */
  changed(): void {
    if (this.#stopping || this.#workers().length === 0) return
    if (this.#newStatus() !== this.#status) this.#send(this.#newStatus())
  }

  /** Reports the begin and the end of a reload, which `run` performs. */
  async reloading(run: () => Promise<void>): Promise<void> {
    this.#prefix = 'reloading, '
    // By the time on CLOCK_MONOTONIC the manager tells this READY=1 from that of an earlier reload.
    this.#send('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`, this.#newStatus())
    try {
      await run()
    } finally {
      this.#prefix = ''
      // After a failed reload the old processes serve, so the primary is ready too. The caller reports the failure.
      if (this.#started && !this.#stopping) this.#send('READY=1', this.#newStatus())
    }
  }

  /** The shutdown begins. */
  stopping(): void {
    this.#stopping = true
    this.#send('STOPPING=1', 'STATUS=closing')
  }

  /** Stops the watchdog messages. */
  close(): void {
    clearInterval(this.#watchdog)
  }

  keep(name: string, fd: number): void {
    this.#notifier?.send(`FDSTORE=1\nFDNAME=${name}`, fd)
  }

  async forget(names: Iterable<string>): Promise<void> {
    for (const name of names) this.#send('FDSTOREREMOVE=1', `FDNAME=${name}`)
    await this.#notifier?.settled()
  }

  #send(...lines: string[]): void {
    this.#status = lines.find((line) => line.startsWith('STATUS=')) ?? this.#status
    this.#notifier?.send(lines.join('\n'))
  }

  #newStatus(): string {
    const workers = this.#workers()
    const ready = workers.filter(({ isServing }) => isServing).length
    return `STATUS=${this.#prefix}${ready} of ${workers.length} workers ready`
  }
}

/**
 * Milliseconds between two watchdog messages: half of the manager's timeout (sd_watchdog_enabled(3)).
 *
 * @returns undefined when the manager expects none of this process
 */
function watchdogPeriod({ WATCHDOG_USEC: usec, WATCHDOG_PID: pid }: Environment): number | undefined {
  const period = Math.floor(Number(usec) / 2000)
  if (!(period > 0) || (pid !== undefined && Number(pid) !== process.pid)) return undefined
  return Math.min(period, 2 ** 31 - 1)
}
