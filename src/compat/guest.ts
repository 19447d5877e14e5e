// A worker of the cluster that the application itself runs, with the state that steering and sessions need.
import type { Worker } from 'node:cluster'
import type { Registration, ToWorker } from '../ipc/messages.ts'
import { WorkerChannel } from '../ipc/channel.ts'

export class Guest {
  readonly channel: WorkerChannel
  /** The id that node:cluster gave to the worker; the application knows the worker by it. */
  readonly name: number
  /** The worker has asked for a registration and has no answer yet. */
  isWaiting = false
  registration: Registration | undefined
  /** The worker's server is attached. */
  attached = false
  /** The worker has neither left nor been refused. */
  enabled = true
  /** The worker has not acknowledged a connection for too long. */
  isStuck = false

  constructor({ process, id }: Worker) {
    this.channel = new WorkerChannel(process)
    this.name = id
  }

  get pid(): number | undefined {
    return this.channel.child.pid
  }

  /** Worker id of the registration; negative while the worker has no registration. */
  get id(): number {
    return this.registration?.id ?? -1
  }

  /** Whether the worker may get new connections. */
  get serves(): boolean {
    return this.attached && this.enabled && !this.isStuck
  }

  send(message: ToWorker): void {
    this.channel.send(message)
  }
}
