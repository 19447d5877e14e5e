// What a worker process is started with.
import { withoutDebuggerText } from '../options/debugger-flags.ts'
import type { WorkerChannel } from '../ipc/channel.ts'
import { PROTOCOL_VERSION, type Address } from '../ipc/messages.ts'
import { withoutManager } from '../service-manager/manager-variables.ts'
import { workerEnvironment } from '../ipc/role.ts'
import type { Settings } from '../options/settings.ts'
import { countingOption } from '../steering/handoff/connection-limits.ts'
import { leaving } from '../supervisor/drain-plans.ts'
import { plainForking, type Fork, type Program } from '../supervisor/fork.ts'
import type { Endpoint, Transport } from '../transport/transport.ts'

/** The worker that the process is to be. */
export interface Assignment {
  /** Negative for a standby. */
  id: number
  workers: number
  restarts: number
  address: Address
  /** See WorkerSetup. */
  instance: number
  folder: string
}

/** @param opened - called with the channel to the worker and the primary's end of its transport */
export function workerProgram(
  settings: Settings,
  transport: Transport,
  assignment: Assignment,
  opened: (channel: WorkerChannel, endpoint: Endpoint) => void,
  fork: Fork = plainForking.fork,
): Program {
  const { exec, args, execArgv, env, backlog, health } = settings
  const { serialization } = transport
  const setup = {
    ...assignment,
    version: PROTOCOL_VERSION,
    drainPlan: leaving(settings),
    interval: health.interval,
    backlog,
    countEnds: countingOption(settings) !== undefined,
    countRequests: settings.admin !== undefined,
    transport: transport.name,
    serialization,
  }
  const endpoint = transport.endpoint()
  return {
    exec,
    args,
    execArgv,
    serialization,
    env: { ...ownEnvironment(), ...env, ...workerEnvironment(setup) },
    inherit: endpoint.inherit,
    fork,
    forked(isStarted) {
      endpoint.afterFork()
      if (!isStarted) endpoint.close()
    },
    opened: (channel) => opened(channel, endpoint),
  }
}

/** The primary's, but for its debugger and its service manager. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const own = withoutManager(process.env)
  const { NODE_OPTIONS } = own
  return NODE_OPTIONS === undefined ? own : { ...own, NODE_OPTIONS: withoutDebuggerText(NODE_OPTIONS) }
}
