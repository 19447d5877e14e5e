// A worker of the application's own cluster, as steering and sessions see it.
import type { Worker } from 'node:cluster'
import type { Registration, ToWorker } from '../ipc/messages.ts'
import { WorkerChannel } from '../ipc/channel.ts'

export class Guest {
  readonly channel: WorkerChannel
  /** The application's name for it: node:cluster's id. */
  readonly name: number
  /** It has asked for a registration. */
  isWaiting = false
  registration: Registration | undefined
  /** Its server is attached. */
  attached = false
  /** It has not left. */
  enabled = true
  /** It has owed an answer for too long. */
  isStuck = false

  constructor({ process, id }: Worker) {
    this.channel = new WorkerChannel(process)
    this.name = id
  }

  get pid(): number | undefined {
    return this.channel.child.pid
  }

  /** Of its registration; negative while it has none. */
  get id(): number {
    return this.registration?.id ?? -1
  }

  /** Whether it is meant to get new connections. */
  get serves(): boolean {
    return this.attached && this.enabled && !this.isStuck
  }

  send(message: ToWorker): void {
    this.channel.send(message)
  }
}
