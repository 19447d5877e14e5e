// Calls methods of an object in another process. The calls have their own connection, so that they never use the code
// under test. Arguments and answers are cloned, bytes included.
import { once } from 'node:events'
import net from 'node:net'
import { deserialize, serialize } from 'node:v8'
import type { Test } from 'tap'

/** The object in the other process. */
export type Remote<T> = { [K in keyof T]: T[K] } & { name: Record<string, unknown> }

export interface Switchboard {
  port: number
  /** Resolves with the object whose process sent a matching name, now or later. */
  find<T>(fits: (name: Record<string, unknown>) => boolean): Promise<Remote<T>>
}

type Call = { call: number; method: string; args: unknown[] }
type Answer = { call: number; result?: unknown; error?: string }

/** Accepts the connections of the other processes. */
export async function switchboard(t: Test): Promise<Switchboard> {
  const callers: { name: Record<string, unknown>; remote: unknown }[] = []
  let changed = (): void => {}
  const server = net
    .createServer((socket) => {
      const { say, hear } = talk(socket)
      const calls = new Map<number, (answer: Answer) => void>()
      let last = 0
      hear((message) => {
        if (typeof message !== 'object' || message === null) return
        if ('name' in message) {
          const name = message.name as Record<string, unknown>
          callers.push({ name, remote: remote(name) })
          changed()
        } else calls.get((message as Answer).call)?.(message as Answer)
      })
      socket.on('close', () => {
        for (const [call, answered] of calls) answered({ call, error: 'it is gone' })
      })
      socket.on('error', () => {})
      const remote = (name: Record<string, unknown>) =>
        new Proxy(
          { name },
          {
            get: (target, method) => {
              if (method === 'name') return target.name
              // `await` reads `then` to see whether the object is a promise.
              if (method === 'then') return undefined
              return (...args: unknown[]) =>
                new Promise((done, fail) => {
                  calls.set(++last, ({ result, error }) =>
                    error === undefined ? done(result) : fail(new Error(error)),
                  )
                  say({ call: last, method: String(method), args } satisfies Call)
                })
            },
          },
        )
    })
    .listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return {
    port: (server.address() as net.AddressInfo).port,
    async find<T>(fits: (name: Record<string, unknown>) => boolean) {
      for (;;) {
        const found = callers.findLast(({ name }) => fits(name))
        if (found !== undefined) return found.remote as Remote<T>
        await new Promise<void>((again) => (changed = again))
      }
    },
  }
}

/** Connects an object of this process to the test; call this function in the other process. */
export function introduce(port: number, name: Record<string, unknown>, it: object): void {
  const socket = net.connect(port, '127.0.0.1').on('error', () => process.exit(1))
  socket.unref()
  const { say, hear } = talk(socket)
  say({ name })
  hear(async (message) => {
    const { call, method, args } = message as Call
    try {
      const run = Reflect.get(it, method) as (...args: unknown[]) => unknown
      say({ call, result: await run.apply(it, args) } satisfies Answer)
    } catch (error) {
      say({ call, error: String(error) } satisfies Answer)
    }
  })
}

/** Writes and reads messages, each with its length in front. */
function talk(socket: net.Socket) {
  return {
    say(message: unknown): void {
      const body = serialize(message)
      const head = Buffer.alloc(4)
      head.writeUInt32LE(body.length)
      socket.write(Buffer.concat([head, body]))
    },
    hear(listener: (message: unknown) => void): void {
      let rest = Buffer.alloc(0)
      socket.on('data', (chunk: Buffer) => {
        rest = Buffer.concat([rest, chunk])
        while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32LE()) {
          const end = 4 + rest.readUInt32LE()
          const message: unknown = deserialize(rest.subarray(4, end))
          rest = rest.subarray(end)
          listener(message)
        }
      })
    },
  }
}
