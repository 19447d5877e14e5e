// A transport in use: real sockets in this process, and a real receiving process.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import net from 'node:net'
import type { Test } from 'tap'
import { WorkerChannel } from '../../src/ipc/channel.ts'
import { handleOf } from '../../src/native/tcp-handle.ts'
import type { AcceptedConnection, Sender, Transport } from '../../src/transport/transport.ts'
import { dial, until } from './clients.ts'

export interface Bench {
  child: ChildProcess
  sender: Sender
  acknowledged: AcceptedConnection[]
  undelivered: AcceptedConnection[]
  /** How often the sender reported that it has room again. */
  rooms: number
  /** Connects a client. @returns the client, and the accepted connection, which can be sent */
  accept(metadata?: Buffer): Promise<{ client: net.Socket; connection: AcceptedConnection }>
}

/**
 * Starts a receiving process, and a server with connections that can be sent to it.
 *
 * @param forked - called with the process before its sender exists
 */
export async function openBench(t: Test, transport: Transport, forked = (_child: ChildProcess) => {}): Promise<Bench> {
  const endpoint = transport.endpoint()
  const child = fork(new URL('../fixtures/receiver.js', import.meta.url), [transport.name], {
    serialization: transport.serialization,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', ...endpoint.inherit],
  })
  endpoint.afterFork()
  forked(child)
  await messageFrom(child, 'ready')
  const server = net.createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const accepted: AcceptedConnection[] = []
  const clients: net.Socket[] = []
  const bench: Bench = {
    child,
    acknowledged: [],
    undelivered: [],
    rooms: 0,
    sender: endpoint.sender(new WorkerChannel(child), {
      onAcknowledged: (connections) => bench.acknowledged.push(...connections),
      onUndelivered: (connections) => bench.undelivered.push(...connections),
      onRoom: () => bench.rooms++,
      onClosed() {},
    }),
    async accept(metadata) {
      const arrives = once(server, 'connection') as Promise<[net.Socket]>
      const client = await dial(port)
      clients.push(client.on('error', () => {}))
      const [socket] = await arrives
      const handle = handleOf(socket)!
      const connection = {
        fd: handle.fd,
        handle,
        listener: 0,
        slot: 0,
        seq: 0,
        key: '',
        metadata,
        recipient: undefined,
        acceptedAt: performance.now(),
        close: () => void socket.destroy(),
      }
      accepted.push(connection)
      return { client, connection }
    },
  }
  t.teardown(async () => {
    bench.sender.close()
    endpoint.close()
    for (const connection of accepted) connection.close()
    for (const client of clients) client.destroy()
    server.close()
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      // events.once() would reject at an 'error', which a failed write to the child emits. 'close' would not do either:
      // no code reads the channel any more, so nothing would keep this process alive until the channel ends.
      await new Promise((done) => child.once('exit', done))
    }
  })
  return bench
}

export async function many(bench: Bench, n: number) {
  const pairs: Awaited<ReturnType<Bench['accept']>>[] = []
  while (pairs.length < n) pairs.push(await bench.accept())
  return pairs
}

export async function sendWhenRoom({ sender }: Bench, connection: AcceptedConnection): Promise<void> {
  await until('there is room', () => sender.send(connection))
}

export async function line(client: net.Socket): Promise<Record<string, unknown>> {
  const [chunk] = (await once(client, 'data')) as [Buffer]
  return JSON.parse(chunk.toString().split('\n')[0]!) as Record<string, unknown>
}

export function messageFrom(child: ChildProcess, name: string): Promise<Record<string, unknown>> {
  return new Promise((done) => {
    const listen = (message: Record<string, unknown>) => {
      if (typeof message !== 'object' || !(name in message)) return
      child.off('message', listen)
      done(message)
    }
    child.on('message', listen)
  })
}
