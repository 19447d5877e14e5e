// What stickyListen returns in a worker.
import { EventEmitter } from 'node:events'
import type { Address, WorkerSetup } from '../protocol.ts'
import type { Settings } from '../settings.ts'
import type { CloseOptions, WorkerRoleEvents, WorkerSticky } from '../sticky.ts'
import { lifecycle } from './lifecycle.ts'
import { join, type Joined, type Target } from './join.ts'

export class Worker extends EventEmitter<WorkerRoleEvents> implements WorkerSticky {
  readonly role = 'worker'
  readonly ready: Promise<void>
  readonly id: number
  readonly workers: number
  readonly restarts: number
  readonly #address: Address
  readonly #joined: Joined
  readonly #deadline: number

  constructor(target: Target, setup: WorkerSetup, settings: Settings) {
    super()
    this.id = setup.id
    this.workers = setup.workers
    this.restarts = setup.restarts
    this.#address = setup.address
    this.#deadline = settings.shutdown.deadline
    lifecycle.logger = settings.logger
    this.#joined = join(target, setup, {
      drain: (deadline) => this.#tell('drain', { deadline }),
      leave: () => this.#tell('leave'),
    })
    this.ready = this.#joined.ready
  }

  address(): Address {
    return this.#address
  }

  close({ deadline = this.#deadline }: CloseOptions = {}): Promise<void> {
    return this.#joined.leave('close()', deadline)
  }

  #tell<K extends keyof WorkerRoleEvents>(event: K, ...args: WorkerRoleEvents[K]): void {
    ;(this as EventEmitter).emit(event, ...args)
    ;(lifecycle as EventEmitter).emit(event, ...args)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}
