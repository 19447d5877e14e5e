// What each new process is given: its program, an endpoint of the transport and an identity among its peers.
import type { WorkerChannel } from '../ipc/channel.ts'
import type { Settings } from '../options/settings.ts'
import type { Fork, Program } from '../supervisor/fork.ts'
import type { Endpoint, Transport } from '../transport/transport.ts'
import type { PeerDirectory } from './peer-directory.ts'
import { workerProgram, type Assignment } from './worker-program.ts'

export interface WorkerFactoryParts {
  transport: Transport
  fork: Fork
  directory: PeerDirectory
  /** Called with the channel to each process that was started, before any message comes over it. */
  opened(channel: WorkerChannel): void
}

export class WorkerFactory {
  readonly #settings: Settings
  readonly #parts: WorkerFactoryParts
  readonly #endpoints = new WeakMap<WorkerChannel, Endpoint>()

  constructor(settings: Settings, parts: WorkerFactoryParts) {
    this.#settings = settings
    this.#parts = parts
  }

  /** @param assignment - what is known of the process before it is started */
  program(assignment: Omit<Assignment, 'instance' | 'folder'>): Program {
    const { transport, fork, directory } = this.#parts
    const { folder } = directory
    const instance = directory.newInstance()
    const opened = (channel: WorkerChannel, endpoint: Endpoint): void => {
      this.#endpoints.set(channel, endpoint)
      directory.started(channel, instance)
      this.#parts.opened(channel)
    }
    return workerProgram(this.#settings, transport, { ...assignment, instance, folder }, opened, fork)
  }

  /** The primary's end of the transport that the process was given. */
  endpointOf(channel: WorkerChannel): Endpoint | undefined {
    return this.#endpoints.get(channel)
  }
}
