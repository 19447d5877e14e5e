// What a worker process is started with.
import type { ChildProcess } from 'node:child_process'
import { withoutDebuggerText } from '../options/debugger-flags.ts'
import { PROTOCOL_VERSION, type Address } from '../ipc/messages.ts'
import { withoutManagerVariables } from '../service-manager/activation.ts'
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

/** @param started - called with the child and the primary's end of its channel */
export function workerProgram(
  settings: Settings,
  transport: Transport,
  assignment: Assignment,
  started: (child: ChildProcess, endpoint: Endpoint) => void,
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
    forked(child) {
      endpoint.forked()
      if (child === undefined) endpoint.close()
      else started(child, endpoint)
    },
  }
}

/** The primary's, but for its debugger and its service manager. */
function ownEnvironment(): NodeJS.ProcessEnv {
  const own = withoutManagerVariables(process.env)
  const { NODE_OPTIONS } = own
  return NODE_OPTIONS === undefined ? own : { ...own, NODE_OPTIONS: withoutDebuggerText(NODE_OPTIONS) }
}
