// What the primary tells the service manager that started it: systemd in the words of sd_notify(3), PM2 by a message.
import type { Logger } from '../logger.ts'
import type { SocketKeeper } from './kept-sockets.ts'
import type { Member } from '../supervisor/member.ts'
import { openNotifier, type Notifier } from './notify.ts'

type Members = readonly Readonly<Pick<Member, 'current'>>[]
type Environment = Readonly<Record<string, string | undefined>>

/** Never throws; says nothing where no manager listens. */
export class ServiceManager implements SocketKeeper {
  readonly #env: Environment
  readonly #notifier: Notifier | undefined
  readonly #members: () => Members
  readonly #watchdog: NodeJS.Timeout | undefined
  #status = ''
  #prefix = ''
  #started = false
  #stopping = false

  constructor(log: Logger, members: () => Members, env: Environment = process.env) {
    this.#env = env
    this.#members = members
    this.#notifier = openNotifier(env['NOTIFY_SOCKET'], log)
    const period = watchdogPeriod(env)
    if (this.#notifier === undefined || period === undefined) return
    this.#watchdog = setInterval(() => this.#send('WATCHDOG=1'), period).unref()
  }

  get keepsSockets(): boolean {
    return this.#notifier?.canStore ?? false
  }

  /** Every worker serves. */
  ready(): void {
    this.#started = true
    this.#send('READY=1', this.#newStatus())
    // PM2 waits for it with wait_ready. With a callback a channel that was closed meanwhile is not an 'error' event.
    if (this.#env['pm_id'] !== undefined) process.send?.('ready', undefined, undefined, () => {})
  }

  /** Something about the workers may have changed. */
  changed(): void {
    // Before there are workers there is nothing to say about them.
    if (this.#stopping || this.#members().length === 0) return
    if (this.#newStatus() !== this.#status) this.#send(this.#newStatus())
  }

  /** Runs a reload. */
  async reloading(run: () => Promise<void>): Promise<void> {
    this.#prefix = 'reloading, '
    // CLOCK_MONOTONIC, by which the manager knows that it is not the end of an earlier one.
    this.#send('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`, this.#newStatus())
    try {
      await run()
    } finally {
      this.#prefix = ''
      // Also when it failed: the old processes serve. The log tells why, and whoever asked for it.
      if (this.#started && !this.#stopping) this.#send('READY=1', this.#newStatus())
    }
  }

  stopping(): void {
    this.#stopping = true
    this.#send('STOPPING=1', 'STATUS=closing')
  }

  /** The last word was said. */
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
    const members = this.#members()
    const ready = members.filter(({ current }) => current?.state === 'ready').length
    return `STATUS=${this.#prefix}${ready} of ${members.length} workers ready`
  }
}

/** Milliseconds between two signs of life: half of what the manager waits. Undefined where it wants none from us. */
function watchdogPeriod({ WATCHDOG_USEC: usec, WATCHDOG_PID: pid }: Environment): number | undefined {
  const period = Math.floor(Number(usec) / 2000)
  if (!(period > 0) || (pid !== undefined && Number(pid) !== process.pid)) return undefined
  return Math.min(period, 2 ** 31 - 1)
}
