// What a worker process is started with.
import type { ChildProcess } from 'node:child_process'
import { withoutDebuggerText } from './debugger-flags.ts'
import { PROTOCOL_VERSION, type Address } from './protocol.ts'
import { withoutManager } from './manager-variables.ts'
import { workerEnvironment } from './role.ts'
import type { Settings } from './settings.ts'
import { countingOption } from './steering/admission.ts'
import { leaving } from './supervisor/farewell.ts'
import { plainForking, type Fork, type Program } from './supervisor/program.ts'
import type { Endpoint, Transport } from './transport/transport.ts'

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
  const own = withoutManager(process.env)
  const { NODE_OPTIONS } = own
  return NODE_OPTIONS === undefined ? own : { ...own, NODE_OPTIONS: withoutDebuggerText(NODE_OPTIONS) }
}
