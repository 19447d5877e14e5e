// The primary's desk for questions: what the workers have counted, the status, and the admin interface where there is one.
import { StickyError } from '../errors.ts'
import type { Settings } from '../settings.ts'
import type { Status } from '../sticky.ts'
import { openAdmin, type Admin, type Administered } from './admin.ts'
import { Ledger, type Counting } from './ledger.ts'
import { snapshot, type Parts } from './status.ts'

export class Reception {
  readonly #ledger = new Ledger()
  #admin: Admin | undefined
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
    this.#admin = opened
  }

  status(parts: Omit<Parts, 'admin' | 'ledger'>): Status {
    for (const worker of parts.supervisor.processes) this.#ledger.take(worker)
    return snapshot({ ...parts, admin: this.#admin?.address ?? null, ledger: this.#ledger })
  }

  /** The process has ended: what it told last stays. */
  gone(worker: Counting): void {
    this.#ledger.take(worker)
  }

  /** From now on nobody should come any more. */
  closing(): void {
    this.#isClosing = true
  }

  close(): void {
    this.#admin?.close()
  }
}
