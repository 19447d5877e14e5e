// What each new process is given: its program, an endpoint, a place among its peers and on the bus.
import type { ChildProcess } from 'node:child_process'
import type { PeerDirectory } from './peer-directory.ts'
import type { Settings } from '../options/settings.ts'
import type { Fork, Program } from '../supervisor/fork.ts'
import type { Endpoint, Transport } from '../transport/transport.ts'
import { workerProgram, type Assignment } from './worker-program.ts'

export interface WorkerFactoryParts {
  transport: Transport
  fork: Fork
  directory: PeerDirectory
  switchboard: { started(child: ChildProcess): void }
}

export class WorkerFactory {
  readonly #settings: Settings
  readonly #parts: WorkerFactoryParts
  readonly #endpoints = new WeakMap<ChildProcess, Endpoint>()

  constructor(settings: Settings, parts: WorkerFactoryParts) {
    this.#settings = settings
    this.#parts = parts
  }

  /** @param assignment - as far as it is known before there is a process */
  program(assignment: Omit<Assignment, 'instance' | 'folder'>): Program {
    const { transport, fork, directory, switchboard } = this.#parts
    const { folder } = directory
    const instance = directory.newInstance()
    const started = (child: ChildProcess, endpoint: Endpoint): void => {
      this.#endpoints.set(child, endpoint)
      directory.started(child, instance)
      switchboard.started(child)
    }
    return workerProgram(this.#settings, transport, { ...assignment, instance, folder }, started, fork)
  }

  /** The primary's end of the channel that the process was given. */
  endpointOf(child: ChildProcess): Endpoint | undefined {
    return this.#endpoints.get(child)
  }
}
