// The primary's desk for questions: what the workers have counted, the status, and the admin interface where there is one.
import { StickyError } from '../errors.ts'
import type { Settings } from '../options/settings.ts'
import type { Status } from '../sticky.ts'
import { openAdmin, type AdminServer, type Administered } from './admin-server.ts'
import { RequestTotals, snapshot, type CountingProcess, type Parts } from './status.ts'

export class Admin {
  readonly #totals = new RequestTotals()
  #server: AdminServer | undefined
  #isClosing = false

  /**
   * Where `admin` is on.
   *
   * @throws StickyError HOLDFAST_PORT_IN_USE, HOLDFAST_PORT_DENIED, HOLDFAST_LISTEN_FAILED or HOLDFAST_CLOSED
   */
  async open({ admin, logger }: Settings, administered: Administered): Promise<void> {
    if (admin === undefined) return
    const opened = await openAdmin(admin, administered, () => this.#isClosing, logger)
    if (this.#isClosing) {
      opened.close()
      throw new StickyError('HOLDFAST_CLOSED')
    }
    this.#server = opened
  }

  status(parts: Omit<Parts, 'admin' | 'requestTotals'>): Status {
    for (const worker of parts.supervisor.processes) this.#totals.take(worker)
    return snapshot({ ...parts, admin: this.#server?.address ?? null, requestTotals: this.#totals })
  }

  /** The process has ended: what it told last stays. */
  gone(worker: CountingProcess): void {
    this.#totals.take(worker)
  }

  /** From now on nobody should come any more. */
  closing(): void {
    this.#isClosing = true
  }

  close(): void {
    this.#server?.close()
  }
}
