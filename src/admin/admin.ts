// The state behind the admin interface: its server, and the request totals of the workers.
import { StickyError } from '../errors.ts'
import type { Settings } from '../options/settings.ts'
import type { Status } from '../sticky.ts'
import type { AdminServer, AdminTarget } from './admin-server.ts'
import { RequestTotals, snapshot, type CountingProcess, type Parts } from './status.ts'

export class Admin {
  readonly #totals = new RequestTotals()
  #server: AdminServer | undefined
  #isClosing = false

  /**
   * Opens the admin interface, if the option `admin` is on.
   *
   * @throws StickyError HOLDFAST_PORT_IN_USE, HOLDFAST_PORT_DENIED, HOLDFAST_LISTEN_FAILED or HOLDFAST_CLOSED
   */
  async open({ admin, logger }: Settings, balancer: AdminTarget): Promise<void> {
    if (admin === undefined) return
    // Loaded here, because most primaries have no admin interface.
    const { openAdmin } = await import('./admin-server.ts')
    const opened = await openAdmin(admin, balancer, () => this.#isClosing, logger)
    if (this.#isClosing) {
      opened.close()
      throw new StickyError('HOLDFAST_CLOSED')
    }
    this.#server = opened
  }

  /** The result of `sticky.status()`. */
  status(parts: Omit<Parts, 'admin' | 'requestTotals'>): Status {
    for (const worker of parts.supervisor.processes) this.#totals.update(worker)
    return snapshot({ ...parts, admin: this.#server?.address ?? null, requestTotals: this.#totals })
  }

  /** A process has ended: adds the counts of its last heartbeat. */
  gone(worker: CountingProcess): void {
    this.#totals.update(worker)
  }

  /** The shutdown begins: from now on /healthz answers 503. */
  closing(): void {
    this.#isClosing = true
  }

  close(): void {
    this.#server?.close()
  }
}
