// A real Redis of the test's own, on a Unix socket, that can be killed and started again.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'

export interface PrivateRedis {
  /** For REDIS_URL. */
  url: string
  start(): Promise<void>
  /** At once, as in a crash. */
  kill(): Promise<void>
  /** It does nothing any more, and its connections stay; then it goes on. */
  stop(): void
  resume(): void
}

/** Starts it; ends it with the test. Skip the test with `missing('redis-server')`. */
export async function startRedis(t: Test): Promise<PrivateRedis> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  const url = join(folder, 'redis.sock')
  let server: ChildProcess | undefined
  const redis = {
    url,
    async start() {
      const args = ['--port', '0', '--unixsocket', url, '--save', '', '--appendonly', 'no', '--dir', folder]
      const started = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
      server = started
      await new Promise<void>((ready, failed) => {
        started.once('error', failed)
        started.once('exit', (code) => failed(new Error(`redis-server ended with code ${code}`)))
        createInterface(started.stdout).on('line', (line) => {
          if (/ready to accept connections/i.test(line)) ready()
        })
      })
    },
    stop: () => void server?.kill('SIGSTOP'),
    resume: () => void server?.kill('SIGCONT'),
    async kill() {
      if (server === undefined || server.exitCode !== null || server.signalCode !== null) return
      const exited = once(server, 'exit')
      server.kill('SIGKILL')
      await exited
    },
  }
  t.teardown(async () => {
    await redis.kill()
    rmSync(folder, { recursive: true, force: true })
  })
  await redis.start()
  return redis
}
