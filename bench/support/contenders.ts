// All contenders: every way to serve one port from several processes, with the same interface.
import type { Settings } from './arguments.ts'
import { nodeProgram, plainNode, server, type Contender } from './contender.ts'
import { installPeers, PEERS } from './peers.ts'
import { haproxy, nginxHttp, nginxStream } from './proxies.ts'

const single: Contender = { name: 'single', label: 'one plain Node process', start: async (s) => [await plainNode(s)] }

const reusePort: Contender = {
  name: 'reuseport',
  label: 'plain processes, reusePort',
  start(setup) {
    return Promise.all(Array.from({ length: setup.workers }, () => plainNode(setup, { BENCH_REUSE_PORT: '1' })))
  },
}

function holdfast(name: string, label: string, env: Record<string, string>): Contender {
  return {
    name,
    label: `Holdfast ${label}`,
    start: async (setup) => [await nodeProgram(server('holdfast'), setup, env, setup.workers + (setup.standby ?? 0))],
  }
}

const nodeCluster: Contender = {
  name: 'cluster',
  label: 'node:cluster, round robin',
  start: async (setup) => [await nodeProgram(server('node-cluster'), setup)],
}

function peer(name: string): Contender {
  return {
    name: name.replace('@', '').replace('/', '-'),
    label: name,
    async start(setup) {
      await installPeers()
      const file = new URL(`${name.replace('@', '').replace('/', '-')}.mjs`, PEERS).pathname
      return [await nodeProgram(file, setup)]
    },
  }
}

export const CONTENDERS: readonly Contender[] = [
  single,
  reusePort,
  holdfast('kernel', 'kernel', { BENCH_STEERING: 'kernel', HOLDFAST_NATIVE: '' }),
  holdfast('handoff', 'hand-off, descriptor-channel', { BENCH_STEERING: 'handoff', HOLDFAST_NATIVE: '' }),
  holdfast('node-ipc', 'hand-off, node-ipc', { BENCH_STEERING: 'handoff', HOLDFAST_NATIVE: '0' }),
  nodeCluster,
  peer('sticky-session'),
  peer('sticky-cluster'),
  peer('@socket.io/sticky'),
  nginxHttp,
  nginxStream,
  haproxy,
]

/** The contenders of the given names, in the order of the list. */
export function named(names: readonly string[]): Contender[] {
  return CONTENDERS.filter(({ name }) => names.includes(name))
}

/** The contender of the name. */
export function contender(name: string): Contender {
  const [found] = named([name])
  if (found === undefined) throw new Error(`no contender ${name}`)
  return found
}

/** Holdfast with one worker, which shows its own cost: two busy processes on two cores always cost more than one. */
export const WITH_ONE_WORKER: readonly Contender[] = ['kernel', 'handoff'].map((name) => {
  const one = contender(name)
  return { ...one, name: `${name}-1`, label: `${one.label}, 1 worker` }
})

/** The contenders that the command line selects. */
export function selected(from: readonly Contender[], { only }: Pick<Settings, 'only'>): Contender[] {
  return from.filter(({ name }) => only?.includes(name) ?? true)
}
