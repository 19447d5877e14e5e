// The interface of all contenders, and the simplest of them.
import { launch, type Program } from './program.ts'

/** Settings for the start of a contender. */
export interface Setup {
  /** The Node binary that runs the servers. */
  node: string
  /** Version of this Node, such as 20.20.2. */
  version: string
  port: number
  workers: number
  /** Number of standby processes, for contenders that can have some. */
  standby?: number
  /** Use a session layer with the header X-Session, for contenders that can have one. */
  sessions?: boolean
  /** Echo WebSocket messages as well. */
  webSockets: boolean
}

export interface Contender {
  /** Name on the command line. */
  readonly name: string
  /** Name in the tables. */
  readonly label: string
  /** @throws Unavailable with the reason for the row */
  start(setup: Setup): Promise<Program[]>
}

export const server = (file: string): string => new URL(`../servers/${file}.js`, import.meta.url).pathname

const environment = ({ port, workers, standby = 0, sessions = false, webSockets }: Setup): Record<string, string> => ({
  BENCH_PORT: String(port),
  BENCH_WORKERS: String(workers),
  BENCH_STANDBY: String(standby),
  BENCH_SESSIONS: sessions ? '1' : '0',
  BENCH_WS: webSockets ? '1' : '0',
  BENCH_APP: new URL('./app.js', import.meta.url).href,
})

/**
 * Starts a program of the bench or of another package, with the setup in its environment.
 *
 * @param ready - number of processes that will report that they are ready
 */
export function nodeProgram(
  file: string,
  setup: Setup,
  env: Record<string, string> = {},
  ready = setup.workers,
): Promise<Program> {
  return launch({ command: setup.node, args: [file], env: { ...environment(setup), ...env }, ready })
}

/** Starts one plain Node process on the setup's port. */
export function plainNode(setup: Setup, env: Record<string, string> = {}): Promise<Program> {
  return nodeProgram(server('single'), setup, env, 1)
}
