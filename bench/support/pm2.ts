// PM2 in cluster mode: its command starts a daemon, which goes on by itself and starts the workers. It has a home of its own
// in a temporary folder, and asks nothing of the network.
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { server, type Contender, type Setup } from './contender.ts'
import { installPeers, PEERS } from './peers.ts'
import { processTree } from './process-tree.ts'
import { START_DEADLINE, type Program } from './program.ts'

const COMMAND = new URL('node_modules/pm2/bin/pm2', PEERS).pathname

const homes = new Set<string>()

// A daemon is no child of the bench, so it would outlive a Ctrl-C.
process.on('exit', () => {
  for (const home of homes) remove(home)
})

export const pm2: Contender = {
  name: 'pm2',
  label: 'PM2, cluster mode',
  async start(setup) {
    await installPeers()
    const home = mkdtempSync(join(tmpdir(), 'holdfast-bench-'))
    homes.add(home)
    try {
      return [await start(setup, home)]
    } catch (error) {
      remove(home)
      throw error
    }
  },
}

async function start({ node, port, workers }: Setup, home: string): Promise<Program> {
  const output = join(home, 'output')
  const written = (): string => (existsSync(output) ? readFileSync(output, 'utf8') : '')
  const env = {
    ...process.env,
    BENCH_PORT: String(port),
    NODE_EXTRA_CA_CERTS: '',
    PM2_HOME: home,
    PM2_DISABLE_VERSION_CHECK: 'true',
    PM2_NO_INTERACTION: 'true',
  }
  const command = (...args: string[]) => promisify(execFile)(node, [COMMAND, '--no-vizion', ...args], { env })
  const began = performance.now()
  const areReady = async (count: number): Promise<number> => {
    while (written().split('ready\n').length - 1 < count) {
      if (performance.now() - began > START_DEADLINE) throw new Error(`PM2 was not ready in time: ${written()}`)
      await pause(1)
    }
    return performance.now() - began
  }
  const logs = ['--merge-logs', '--output', output, '--error', output]
  // The command goes on for a moment when the workers are ready: it shows them.
  const [took] = await Promise.all([
    areReady(workers),
    command('start', server('hello-plain'), '-i', String(workers), ...logs),
  ])
  return {
    pid: daemon(home) ?? 0,
    took,
    complaints: written,
    ready: async (count) => void (await areReady(count)),
    async stop() {
      await command('kill')
      remove(home)
    },
  }
}

/** Takes the home away, and a daemon that still lives in it with all it started. */
function remove(home: string): void {
  const pid = daemon(home)
  for (const one of pid === undefined ? [] : processTree([pid])) {
    try {
      process.kill(one, 'SIGKILL')
    } catch {
      // It ended by itself meanwhile.
    }
  }
  homes.delete(home)
  rmSync(home, { recursive: true, force: true })
}

/** Its pid; undefined where it has ended, with its file. */
function daemon(home: string): number | undefined {
  const file = join(home, 'pm2.pid')
  return existsSync(file) ? Number(readFileSync(file, 'utf8')) : undefined
}
