// The contenders that carry messages from worker to worker.
import { nodeProgram, server, type Contender, type Setup } from './contender.ts'
import { startRedis } from './private-redis.ts'
import type { Program } from './program.ts'

export type Dialect = 'ws' | 'socket.io'

export interface Carrier extends Contender {
  /** Protocol of the clients. */
  dialect: Dialect
}

export const NAIVE = { name: 'naive', label: 'a process.send per message' }

export const CARRIERS: readonly Carrier[] = [
  { ...NAIVE, dialect: 'ws', start: async (setup) => [await rooms(setup, 'rooms-naive', {})] },
  {
    name: 'ipc-bus',
    label: 'Holdfast bus, IPC',
    dialect: 'ws',
    start: async (setup) => [await rooms(setup, 'rooms', {})],
  },
  { name: 'redis-bus', label: 'Holdfast bus, Redis', dialect: 'ws', start: (setup) => withRedis(setup, {}) },
  {
    name: 'cluster-adapter',
    label: 'Socket.IO, cluster-adapter',
    dialect: 'socket.io',
    start: async (setup) => [await rooms(setup, 'rooms', { BENCH_CARRIER: 'socket.io' })],
  },
  {
    name: 'redis-adapter',
    label: 'Socket.IO, redis-adapter',
    dialect: 'socket.io',
    start: (setup) => withRedis(setup, { BENCH_CARRIER: 'socket.io' }),
  },
  {
    name: 'bridge',
    label: 'Socket.IO, bridge',
    dialect: 'socket.io',
    start: (setup) => withRedis(setup, { BENCH_CARRIER: 'socket.io', BENCH_ADAPTER: 'bridge' }),
  },
]

function rooms(setup: Setup, program: string, env: Record<string, string>): Promise<Program> {
  return nodeProgram(server(program), setup, { REDIS_URL: '', HOLDFAST_NATIVE: '', ...env })
}

/** Starts the servers with a Redis, whose CPU time counts too. */
async function withRedis(setup: Setup, env: Record<string, string>): Promise<Program[]> {
  const redis = await startRedis()
  try {
    return [redis.program, await rooms(setup, 'rooms', { ...env, BENCH_REDIS: redis.path })]
  } catch (error) {
    await redis.program.stop()
    throw error
  }
}
