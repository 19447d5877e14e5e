// Real Redis servers for a test, which it can kill and start again: one server, a Cluster, or a pair under a Sentinel.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import net from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Redis } from 'ioredis'
import type { Test } from 'tap'
import { until } from './clients.ts'

export interface PrivateRedis {
  /** Value for REDIS_URL. */
  url: string
  start(): Promise<void>
  /** Ends the server at once, as a crash does. */
  kill(): Promise<void>
  /** Stops the process without ending it, as if its machine hangs; thaw() continues it. */
  freeze(): void
  thaw(): void
}

/** Starts a server on a Unix socket; it ends with the test. Skip the test with `missing('redis-server')`. */
export async function startRedis(t: Test, ...args: string[]): Promise<PrivateRedis> {
  const folder = newFolder(t)
  const url = join(folder, 'redis.sock')
  return startServer(
    t,
    url,
    ['--port', '0', '--unixsocket', url, '--dir', folder, ...args],
    /ready to accept connections/i,
  )
}

/** Starts a Cluster of masters that share the slots. */
export async function startCluster(t: Test, size: number): Promise<(PrivateRedis & { port: number })[]> {
  const ports = await freePorts(2 * size)
  // By default the port between the nodes is 10,000 higher, which may be above 65,535.
  const places = ports.slice(0, size).map((port, n) => ({ port, bus: ports[size + n] ?? 0 }))
  const nodes = await Promise.all(
    places.map(async ({ port, bus }) => {
      const args = ['--cluster-enabled', 'yes', '--cluster-node-timeout', '2000', '--cluster-port', String(bus)]
      return { ...(await startOnPort(t, port, ...args)), port }
    }),
  )
  const clients = places.map(({ port }) => new Redis({ port, host: '127.0.0.1', retryStrategy: null }))
  for (const [n, client] of clients.entries()) {
    const [from, to] = [n, n + 1].map((part) => Math.floor((part * 16_384) / size)) as [number, number]
    await client.cluster('ADDSLOTSRANGE', from, to - 1)
    await client.cluster('SET-CONFIG-EPOCH', n + 1)
  }
  for (const { port, bus } of places.slice(1)) await clients[0]?.call('CLUSTER', 'MEET', '127.0.0.1', port, bus)
  for (const client of clients) {
    await until('the cluster is well', async () => {
      const info = await client.cluster('INFO')
      return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${size}\r`)
    })
    client.disconnect()
  }
  return nodes
}

/** Starts a master and a replica under a Sentinel, in which the master is named `main`. */
export async function startSentinel(t: Test): Promise<{ port: number; master: PrivateRedis; replica: PrivateRedis }> {
  const [masterPort = 0, replicaPort = 0, port = 0] = await freePorts(3)
  const master = await startOnPort(t, masterPort)
  const replica = await startOnPort(t, replicaPort, '--replicaof', `127.0.0.1 ${masterPort}`)
  // The Sentinel asks the master for its replicas when the Sentinel starts, and then only every ten seconds.
  const asking = new Redis(master.url)
  await until('the master knows its replica', async () => /state=online/.test(await asking.info('replication')))
  asking.disconnect()
  const file = join(newFolder(t), 'sentinel.conf')
  // The Sentinel writes its state into its configuration file.
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `sentinel monitor main 127.0.0.1 ${masterPort} 1`,
    'sentinel down-after-milliseconds main 500',
    'sentinel failover-timeout main 3000',
  ]
  writeFileSync(file, lines.join('\n'))
  await startServer(t, `redis://127.0.0.1:${port}`, [file, '--sentinel'], /\+monitor/)
  const client = new Redis({ port, host: '127.0.0.1' })
  const replicas = async () => ((await client.call('SENTINEL', 'REPLICAS', 'main')) as unknown[]).length
  await until('the sentinel knows the replica', async () => (await replicas()) === 1)
  client.disconnect()
  return { port, master, replica }
}

function startOnPort(t: Test, port: number, ...args: string[]): Promise<PrivateRedis> {
  const bound = ['--port', String(port), '--bind', '127.0.0.1', '--dir', newFolder(t)]
  return startServer(t, `redis://127.0.0.1:${port}`, [...bound, ...args], /ready to accept connections/i)
}

async function startServer(t: Test, url: string, args: string[], ready: RegExp): Promise<PrivateRedis> {
  let server: ChildProcess | undefined
  const redis = {
    url,
    async start() {
      const unsaved = args.includes('--sentinel') ? [] : ['--save', '', '--appendonly', 'no']
      const started = spawn('redis-server', [...args, ...unsaved], { stdio: ['ignore', 'pipe', 'inherit'] })
      server = started
      await new Promise<void>((done, failed) => {
        started.once('error', failed)
        started.once('exit', (code) => failed(new Error(`redis-server ended with code ${code}`)))
        createInterface(started.stdout).on('line', (line) => {
          if (ready.test(line)) done()
        })
      })
    },
    async kill() {
      if (server === undefined || server.exitCode !== null || server.signalCode !== null) return
      const exited = once(server, 'exit')
      server.kill('SIGKILL')
      await exited
    },
    freeze: () => void server?.kill('SIGSTOP'),
    thaw: () => void server?.kill('SIGCONT'),
  }
  t.teardown(() => redis.kill())
  await redis.start()
  return redis
}

/** Free ports. All are bound before the first is released, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => net.createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as net.AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return ports
}

function newFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
