// Starts a Redis for the bench, on a Unix socket in a temporary folder, without persistence.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { launch, Unavailable, type Program } from './program.ts'

/** @throws Unavailable if redis-server is not installed */
export async function startRedis(): Promise<{ program: Program; path: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)
  const path = join(folder, 'redis.sock')
  const args = ['--port', '0', '--unixsocket', path, '--save', '', '--appendonly', 'no', '--dir', folder]
  try {
    const program = await launch({ command: 'redis-server', args, ready: 0 })
    for (let i = 0; i < 200 && !existsSync(path); i++) await pause(10)
    const stop = async (): Promise<void> => {
      await program.stop()
      process.off('exit', remove)
      remove()
    }
    return { path, program: { ...program, stop } }
  } catch (error) {
    remove()
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') throw new Unavailable('not installed')
    throw error
  }
}
