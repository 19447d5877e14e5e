// Describes the machine of the measurement; a figure means nothing without it.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem, type } from 'node:os'
import { peerVersions } from './peers.ts'

export interface Machine {
  cpu: string
  cores: number
  memory: string
  system: string
  /** Versions by name. */
  versions: Record<string, string>
}

export function describeMachine(node: string): Machine {
  const [first] = cpus()
  return {
    cpu: (first?.model ?? 'unknown').replaceAll(/\((R|TM)\)/g, ''),
    cores: cpus().length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GB`,
    system: `${type()} ${/^[\d.]+\d/.exec(release())?.[0] ?? release()}`,
    versions: {
      'Node.js': output(node, '--version').replace('v', ''),
      holdfast: packageVersion(new URL('../../../', import.meta.url)),
      nginx: /nginx\/([\d.]+)/.exec(output('nginx', '-v'))?.[1] ?? 'not installed',
      HAProxy: /version ([\d.]+\d)/.exec(output('haproxy', '-v'))?.[1] ?? 'not installed',
      ws: packageVersion(new URL('../../../node_modules/ws/', import.meta.url)),
      ...peerVersions(),
    },
  }
}

/** Stdout and stderr; nginx prints its version to stderr. */
function output(command: string, flag: string): string {
  const { stdout, stderr } = spawnSync(command, [flag], { encoding: 'utf8' })
  return `${stdout ?? ''}${stderr ?? ''}`.trim()
}

function packageVersion(folder: URL): string {
  return (JSON.parse(readFileSync(new URL('package.json', folder), 'utf8')) as { version: string }).version
}
