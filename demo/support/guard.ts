// Ends the program beside a demo, and removes its folder, when the demo ends, however each of the two ends.
import { spawn, type ChildProcess } from 'node:child_process'
import { rmSync } from 'node:fs'

/**
 * @param folder - the child's own folder, removed as soon as the child has ended, because no process may remain to do
 *   it later
 */
export function endWithDemo(child: ChildProcess, folder: string): void {
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  process.once('exit', () => {
    child.kill()
    remove()
  })
  child.once('exit', remove)
  if (child.pid === undefined) return
  // After SIGKILL this process emits no 'exit', but its end of the pipe closes.
  const script = 'read -r _; kill "$1" 2>/dev/null; rm -rf "$2"'
  const guard = spawn('sh', ['-c', script, 'sh', String(child.pid), folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  // Without a shell the demo works, but after SIGKILL the folder remains.
  guard.on('error', () => {})
  guard.unref()
  // The system may soon give the child's pid to another process.
  child.once('exit', () => guard.kill())
}

/** How the command ended, as a sentence without its full stop. */
export function endOf(command: string, code: number | null, signal: NodeJS.Signals | null): string {
  return signal === null ? `${command} ended with code ${code}` : `${command} was ended by ${signal}`
}
