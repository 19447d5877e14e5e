// The packages for the comparison. The bench installs them at its first run, because users of Holdfast do not need
// them.
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { promisify } from 'node:util'
import { Unavailable } from './program.ts'
import { progress } from './progress.ts'

/** The folder bench/peers; the path starts at build/bench/support. */
export const PEERS = new URL('../../../bench/peers/', import.meta.url)

let installing: Promise<void> | undefined

/** @throws Unavailable when the packages cannot be installed */
export function installPeers(): Promise<void> {
  installing ??= install()
  return installing
}

async function install(): Promise<void> {
  if (upToDate()) return
  progress('installing the packages to compare with (bench/peers)')
  try {
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund']
    await promisify(execFile)('npm', args, { cwd: PEERS, timeout: 120_000 })
  } catch (error) {
    throw new Unavailable(`not installed: ${String(error).split('\n')[0]}`)
  }
}

/** Whether the installation is complete: npm writes node_modules/.package-lock.json last. */
function upToDate(): boolean {
  const installed = new URL('node_modules/.package-lock.json', PEERS)
  return existsSync(installed) && statSync(installed).mtimeMs >= statSync(new URL('package-lock.json', PEERS)).mtimeMs
}

/** The exact versions, by name. */
export function peerVersions(): Record<string, string> {
  const text = readFileSync(new URL('package.json', PEERS), 'utf8')
  return (JSON.parse(text) as { dependencies: Record<string, string> }).dependencies
}
