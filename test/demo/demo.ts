// Starts a demo as `npm run demo:name` does, and sends requests from chosen client addresses.
import http from 'node:http'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { loopback } from '../support/clients.ts'
import { startProgram, type Program } from '../support/program.ts'

export interface Demo {
  program: Program
  port: number
  url: string
}

export interface Answer {
  status: number
  headers: http.IncomingHttpHeaders
  /** The body, parsed if it is JSON. */
  body: Record<string, unknown>
}

export interface Question {
  from?: string
  method?: string
  headers?: http.OutgoingHttpHeaders
  /** The body to send as JSON. */
  body?: unknown
}

export async function startDemo(
  t: Test,
  name: string,
  args: string[] = [],
  env: Record<string, string> = {},
): Promise<Demo> {
  const program = startProgram(t, `demo/${name}/server.js`, ['--port', '0', '--workers', '2', ...args], env)
  await program.printed(/Ctrl-C stops it/)
  const [, url, port] = await program.printed(/Open +(http:\/\/127\.0\.0\.1:(\d+))/)
  return { program, port: Number(port), url: url! }
}

/** Ends the demo with Ctrl-C, and checks its exit code and that stderr is empty. */
export async function stopDemo(t: Test, { program }: Demo): Promise<void> {
  program.child.kill('SIGINT')
  t.strictSame(await program.exited, { code: 0, signal: null })
  t.match(program.stdout(), /Stopped\.\n$/)
  t.equal(program.stderr(), '')
}

/** Sends a request on a new connection. */
export function ask(port: number, path: string, question: Question = {}): Promise<Answer> {
  return begin(port, path, question).then(({ end }) => end)
}

/** The same, but resolves when the headers have arrived. */
export function begin(port: number, path: string, question: Question = {}): Promise<{ end: Promise<Answer> }> {
  const { from = '127.0.0.1', method = 'GET', headers = {}, body } = question
  const sent = body === undefined ? undefined : JSON.stringify(body)
  return new Promise((done, failed) => {
    const request = http.request({
      host: '127.0.0.1',
      port,
      path,
      method,
      localAddress: from,
      agent: false,
      headers: { ...headers, ...(sent === undefined ? {} : { 'content-type': 'application/json' }) },
    })
    request.once('error', failed)
    request.once('response', (response) => done({ end: read(response) }))
    request.end(sent)
  })
}

async function read(response: http.IncomingMessage): Promise<Answer> {
  const { statusCode: status = 0, headers } = response
  const body = await text(response)
  const isJson = /json/.test(headers['content-type'] ?? '')
  return { status, headers, body: isJson ? (JSON.parse(body) as Answer['body']) : { text: body } }
}

/** One client address of each of two workers. @param workerOf - returns the worker of an address */
export async function oneClientEach(workerOf: (from: string) => Promise<number>): Promise<[string, string]> {
  const found = new Map<number, string>()
  for (let n = 1; found.size < 2; n++) found.set(await workerOf(loopback(n)), loopback(n))
  return [found.get(0)!, found.get(1)!]
}
