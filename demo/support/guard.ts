// What runs beside a demo, and its folder, are gone when the demo is gone, however either of them ends.
import { spawn, type ChildProcess } from 'node:child_process'
import { rmSync } from 'node:fs'

/** @param folder - its own, removed when it has ended: nobody may be left who would do it later */
export function endWithUs(child: ChildProcess, folder: string): void {
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  process.once('exit', () => {
    child.kill()
    remove()
  })
  child.once('exit', remove)
  if (child.pid === undefined) return
  // The 'exit' event does not come when this process is killed by SIGKILL; the end of a pipe does.
  const script = 'read -r _; kill "$1" 2>/dev/null; rm -rf "$2"'
  const guard = spawn('sh', ['-c', script, 'sh', String(child.pid), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  // Without a shell it is only tidiness that suffers.
  guard.on('error', () => {})
  guard.unref()
  // Its pid may soon be somebody else's.
  child.once('exit', () => guard.kill())
}

/** How it ended, as a sentence without its full stop. */
export function endOf(command: string, code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `${command} ended with code ${code}` : `${command} was ended by ${signal}`
}
