// What each new worker process is given: its program and environment, an endpoint of the transport, and an identity among
// its peers.
import type { WorkerChannel } from '../ipc/channel.ts'
import type { OpenListener } from '../ipc/listen-target.ts'
import { PROTOCOL_VERSION, type Address } from '../ipc/messages.ts'
import { workerEnvironment } from '../ipc/role.ts'
import { addonEnvironment } from '../native/libc.ts'
import { withoutDebuggerText } from '../options/debugger-flags.ts'
import type { Settings } from '../options/settings.ts'
import { withoutManagerVariables } from '../service-manager/activation.ts'
import { countingOption } from '../steering/handoff/connection-limits.ts'
import { leaving } from '../supervisor/drain-plans.ts'
import { plainForking, type Forking, type Program } from '../supervisor/fork.ts'
import type { Endpoint, Transport } from '../transport/transport.ts'
import type { PeerDirectory } from './peer-directory.ts'

export interface WorkerFactoryParts {
  transport: Transport
  forking: Pick<Forking, 'fork' | 'readyHint'>
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
    const { transport, forking, directory } = this.#parts
    const { folder } = directory
    const instance = directory.newInstance()
    const opened = (channel: WorkerChannel, endpoint: Endpoint): void => {
      this.#endpoints.set(channel, endpoint)
      directory.started(channel, instance)
      this.#parts.opened(channel)
    }
    return workerProgram(this.#settings, transport, { ...assignment, instance, folder }, opened, forking)
  }

  /** The primary's end of the transport that the process was given. */
  endpointOf(channel: WorkerChannel): Endpoint | undefined {
    return this.#endpoints.get(channel)
  }
}

/** What a process is to be. */
export interface Assignment {
  /** Worker id; negative for a standby. */
  id: number
  workers: number
  restarts: number
  address: Address
  /** The listeners that are open, and those that the process before this one serves; see WorkerSetup. */
  listeners: readonly OpenListener[]
  ofFirstCall: number
  expected: readonly number[]
  /** Identity of the process among its peers; see {@link Registration}. */
  instance: number
  folder: string
}

/** @param opened - called with the channel to the worker and the primary's end of its transport */
export function workerProgram(
  settings: Settings,
  transport: Transport,
  assignment: Assignment,
  opened: (channel: WorkerChannel, endpoint: Endpoint) => void,
  { fork, readyHint }: WorkerFactoryParts['forking'] = plainForking,
): Program {
  const { exec, args, cwd, execArgv, env, backlog, health } = settings
  const { serialization } = transport
  const setup = {
    ...assignment,
    version: PROTOCOL_VERSION,
    // A new release may listen on fewer ports than the one before.
    expectedTimeout: health.readyTimeout / 2,
    drainPlan: leaving(settings),
    interval: health.interval,
    backlog,
    countEnds: countingOption(settings) !== undefined,
    countRequests: settings.admin !== undefined,
    transport: transport.name,
    serialization,
  }
  // First: a function of the application may throw.
  const own = env(assignment.id)
  const endpoint = transport.endpoint()
  return {
    exec,
    args,
    cwd,
    execArgv,
    serialization,
    env: { ...ownEnvironment(), ...own, ...addonEnvironment(), ...workerEnvironment(setup) },
    inherit: endpoint.inherit,
    readyHint: readyHint(assignment.address.port),
    fork,
    forked(isStarted) {
      endpoint.afterFork()
      if (!isStarted) endpoint.close()
    },
    opened: (channel) => opened(channel, endpoint),
  }
}

/** The environment of the primary, without its debugger and its service manager. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const own = withoutManagerVariables(process.env)
  const { NODE_OPTIONS } = own
  return NODE_OPTIONS === undefined ? own : { ...own, NODE_OPTIONS: withoutDebuggerText(NODE_OPTIONS) }
}
