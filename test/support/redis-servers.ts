// More than one real Redis: a Cluster, and a pair that a Sentinel watches.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { freePort, until } from './clients.ts'

export interface Server {
  port: number
  /** At once, as in a crash. */
  kill(): Promise<void>
}

/** Three masters that share the slots. */
export async function startCluster(t: Test): Promise<Server[]> {
  const servers: (Server & { busPort: number })[] = []
  while (servers.length < 3) {
    const busPort = await freePort()
    const more = ['--cluster-enabled', 'yes', '--cluster-port', String(busPort), '--cluster-node-timeout', '1000']
    servers.push({ ...(await startServer(t, more)), busPort })
  }
  const admins = servers.map(({ port }) => new Redis(port, '127.0.0.1'))
  for (const [i, admin] of admins.entries()) {
    const first = Math.floor((i * 16384) / 3)
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', first, Math.floor(((i + 1) * 16384) / 3) - 1)
    const next = servers[(i + 1) % 3]!
    await admin.call('CLUSTER', 'MEET', '127.0.0.1', next.port, next.busPort)
  }
  await until('the nodes agree', async () => {
    const states = await Promise.all(admins.map((admin) => admin.cluster('INFO')))
    return states.every((state) => /cluster_state:ok/.test(state) && /cluster_known_nodes:3/.test(state))
  })
  for (const admin of admins) admin.disconnect()
  return servers
}

/** A master, a replica of it, and a Sentinel that makes the replica the master when the master is gone. */
export async function startSentinel(t: Test): Promise<{ master: Server; sentinel: Server; name: string }> {
  const master = await startServer(t)
  const replica = await startServer(t, ['--replicaof', '127.0.0.1', String(master.port)])
  const admin = new Redis(master.port, '127.0.0.1')
  await until('the replica is in step', async () =>
    /slave0:.*port=(\d+),state=online/.test(await admin.info('replication')),
  )
  admin.disconnect()
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const config = join(folder, 'sentinel.conf')
  writeFileSync(
    config,
    [
      `sentinel monitor main 127.0.0.1 ${master.port} 1`,
      'sentinel down-after-milliseconds main 300',
      'sentinel failover-timeout main 3000',
    ].join('\n'),
  )
  const sentinel = await startServer(t, ['--sentinel'], config)
  const watch = new Redis(sentinel.port, '127.0.0.1')
  await until('the Sentinel knows the replica', async () =>
    JSON.stringify(await watch.call('SENTINEL', 'REPLICAS', 'main')).includes(String(replica.port)),
  )
  watch.disconnect()
  return { master, sentinel, name: 'main' }
}

/** A port that was free a moment ago may be taken: then again with another one. */
async function startServer(t: Test, more: string[] = [], config?: string): Promise<Server> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch(t, more, config)
    } catch (error) {
      if (attempt === 5) throw error
    }
  }
}

async function launch(t: Test, more: string[], config: string | undefined): Promise<Server> {
  const port = await freePort()
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  const plain = config === undefined ? ['--save', '', '--appendonly', 'no', '--dir', folder] : []
  const args = [
    ...(config === undefined ? [] : [config]),
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    ...plain,
    ...more,
  ]
  const server = spawn('redis-server', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(server, 'exit')
  const kill = async (): Promise<void> => {
    server.kill('SIGKILL')
    await exited
  }
  t.teardown(async () => {
    await kill()
    rmSync(folder, { recursive: true, force: true })
  })
  await new Promise<void>((ready, failed) => {
    server.once('error', failed)
    void exited.then(([code]) => failed(new Error(`redis-server ended with code ${code}`)))
    createInterface(server.stdout).on('line', (line) => {
      if (/ready to accept connections|Sentinel ID is/i.test(line)) ready()
    })
  })
  return { port, kill }
}
