// A redis-server of our own: on a private Unix socket, nothing saved, gone when the demo is gone.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { endOf, endWithUs } from './guard.ts'

/** It is not installed, or does not start. */
export class MissingRedis extends Error {
  readonly code = 'DEMO_REDIS_MISSING'
}

/**
 * @param ended - what it means for the demo that it has ended
 * @returns the path of its Unix socket, which ioredis takes as a URL
 */
export async function startPrivateRedis(ended: string): Promise<{ path: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-demo-'))
  const path = join(folder, 'redis.sock')
  const args = ['--port', '0', '--unixsocket', path, '--unixsocketperm', '700', '--save', '', '--appendonly', 'no']
  // Detached: a Ctrl-C in the terminal must not end it before the workers have finished.
  const redis = spawn('redis-server', [...args, '--dir', folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  endWithUs(redis, folder)
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
    // Read to the end, or it would block on a full pipe one day.
    createInterface(redis.stdout).on('line', (line) => /ready to accept connections/i.test(line) && done(undefined))
  })
  const problem = await Promise.race([ready, failed])
  if (problem !== undefined) throw new MissingRedis(problem)
}
