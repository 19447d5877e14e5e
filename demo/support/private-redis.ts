// Starts a redis-server for the demo: on a private Unix socket, without persistence. It ends when the demo ends.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { endOf, endWithDemo } from './guard.ts'

/** redis-server is not installed, or it does not start. */
export class MissingRedis extends Error {
  readonly code = 'DEMO_REDIS_MISSING'
}

/**
 * @param ended - text for the terminal: what is different after this Redis has ended
 * @returns the path of its Unix socket, which ioredis takes as a URL
 */
export async function startPrivateRedis(ended: string): Promise<{ path: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-demo-'))
  const path = join(folder, 'redis.sock')
  const args = ['--port', '0', '--unixsocket', path, '--unixsocketperm', '700', '--save', '', '--appendonly', 'no']
  // Detached: Ctrl-C in the terminal must not end Redis before the workers have finished.
  const redis = spawn('redis-server', [...args, '--dir', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  endWithDemo(redis, folder)
  await accepting(redis)
  redis.once('exit', () => console.error(`The private redis-server has ended; ${ended}.`))
  return { path }
}

async function accepting(redis: ChildProcess): Promise<void> {
  const failed = once(redis, 'exit').then(
    ([code, signal]) => endOf('redis-server', code as number | null, signal as NodeJS.Signals | null),
    (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT'
        ? 'redis-server is not installed; install it (apt-get install redis-server, brew install redis) or leave --redis out'
        : error.message,
  )
  const ready = new Promise<undefined>((done) => {
    if (redis.stdout === null) return
    // The output is read to the end, so that Redis never blocks on a full pipe.
    createInterface(redis.stdout).on('line', (line) => /ready to accept connections/i.test(line) && done(undefined))
  })
  const problem = await Promise.race([ready, failed])
  if (problem !== undefined) throw new MissingRedis(problem)
}
