// Clients with addresses of their own: on loopback a client can use any address in 127.0.0.0/8.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'

export interface Reply {
  worker: number
  pid: number
  address: string
  port: number
  [more: string]: unknown
}

export interface ClientOptions {
  port: number
  /** Source address. */
  from?: string
  path?: string
  method?: string
  headers?: http.OutgoingHttpHeaders
  body?: Buffer
  agent?: http.Agent | false
}

/** 127.x.y.z for n = 1, 2, 3 ... */
export function loopback(n: number): string {
  return `127.${1 + Math.floor(n / 62500)}.${Math.floor(n / 250) % 250}.${1 + (n % 250)}`
}

/** Sends one HTTP request on its own connection. @returns the answer, parsed as JSON */
export function request({ port, from, path = '/', body, ...options }: ClientOptions): Promise<Reply> {
  return new Promise((done, fail) => {
    const host = from?.includes(':') ? from : '127.0.0.1'
    const sending = http.request(
      { agent: false, ...options, host, port, path, ...(from === undefined ? {} : { localAddress: from }) },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (text += chunk))
        response.on('error', fail)
        response.on('end', () => done(JSON.parse(text) as Reply))
      },
    )
    sending.on('error', fail)
    sending.end(body)
  })
}

/** Runs the jobs, at most `atOnce` at the same time. */
export async function pool<T>(jobs: (() => Promise<T>)[], atOnce: number): Promise<T[]> {
  const results: T[] = []
  const queue = jobs.entries()
  const run = async () => {
    for (const [i, job] of queue) results[i] = await job()
  }
  await Promise.all(Array.from({ length: atOnce }, run))
  return results
}

/** Opens a connection. */
export function dial(port: number, from?: string, host = '127.0.0.1'): Promise<net.Socket> {
  return new Promise((done, fail) => {
    const socket = net.connect({ port, host, ...(from === undefined ? {} : { localAddress: from }) })
    socket.once('error', fail)
    socket.once('connect', () => {
      socket.off('error', fail)
      done(socket)
    })
  })
}

/** Polls until the condition holds; for a condition without an event, such as the end of another process. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, limit = 30_000): Promise<void> {
  const end = Date.now() + limit
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`${what}: not within ${limit} ms`)
    await new Promise((done) => setTimeout(done, 10))
  }
}

/** Waits until no process listens on the port. */
export function untilRefused(port: number): Promise<void> {
  const hangUp = (socket: net.Socket): false => {
    // A connection in the queue of a listening socket is reset when the socket closes.
    socket.on('error', () => {}).destroy()
    return false
  }
  return until(`port ${port} is closed`, () => dial(port).then(hangUp, () => true))
}

/** Whether the process runs. A zombie, which has ended but is not collected yet, does not run. */
export function isAlive(pid: number): boolean {
  try {
    if (process.platform === 'linux') return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ')
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  await new Promise((done) => server.close(done))
  return port
}
