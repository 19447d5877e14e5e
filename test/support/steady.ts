// Steady load: clients that send requests again and again, on short connections, kept-alive connections and WebSockets.
import http from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { request, until } from './clients.ts'

/** Milliseconds between two requests of one client. */
const INTERVAL = 150

export interface Steady {
  /** Failures as sentences. A WebSocket that is closed with code 1012 and comes back is no failure. */
  failures: string[]
  /** Number of answers by kind, and of WebSockets that came back. */
  answers: { short: number; kept: number; messages: number; returned: number }
  /** The worker of each client's next answer, counting only requests sent from now on. */
  whereNext(): Promise<Map<string, number>>
  stop(): Promise<void>
}

/** Starts the load; each kind of client has one third of the addresses. */
export function steadyLoad(port: number, addresses: readonly string[]): Steady {
  const failures: string[] = []
  const answers = { short: 0, kept: 0, messages: 0, returned: 0 }
  let landed = new Map<string, number>()
  const state = { stopped: false }

  const again = async (from: string, run: () => Promise<{ worker: number }>): Promise<void> => {
    while (!state.stopped) {
      const asked = landed
      try {
        const { worker } = await run()
        asked.set(from, worker)
      } catch (error) {
        failures.push(`${from}: ${String(error)}`)
      }
      await pause(INTERVAL)
    }
  }

  const short = (from: string) =>
    again(from, async () => {
      const reply = await request({ port, from, agent: false })
      answers.short++
      return reply
    })

  const kept = async (from: string): Promise<void> => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
    await again(from, async () => {
      const reply = await request({ port, from, agent })
      answers.kept++
      return reply
    })
    agent.destroy()
  }

  const talking = async (from: string): Promise<void> => {
    let line: Line | undefined
    await again(from, async () => {
      line ??= await open(port, from)
      const answer = await ask(line)
      if (answer !== undefined) {
        answers.messages++
        return answer
      }
      answers.returned++
      line = await open(port, from)
      return (await ask(line)) ?? { worker: -1 }
    })
    line?.socket.terminate()
  }

  const kinds = [short, kept, talking]
  const running = addresses.map((from, i) => kinds[i % kinds.length]!(from))
  return {
    failures,
    answers,
    async whereNext() {
      landed = new Map()
      await until('every client was answered', () => landed.size === addresses.length || failures.length > 0)
      return landed
    },
    async stop() {
      state.stopped = true
      await Promise.all(running)
    },
  }
}

/** A WebSocket, and its close code. */
interface Line {
  socket: WebSocket
  closed: Promise<number>
}

function open(port: number, from: string): Promise<Line> {
  return new Promise((done, fail) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`, { localAddress: from })
    const closed = new Promise<number>((end) => socket.once('close', end))
    socket.once('open', () => done({ socket, closed })).once('error', fail)
  })
}

/** Sends a message; resolves with the answer, or with undefined if the server closes with "service restart". */
async function ask({ socket, closed }: Line): Promise<{ worker: number } | undefined> {
  const answered = new Promise<Buffer>((done) => socket.once('message', done))
  if (socket.readyState === WebSocket.OPEN) socket.send('?')
  const outcome = await Promise.race([answered, closed])
  if (typeof outcome !== 'number') return JSON.parse(outcome.toString()) as { worker: number }
  if (outcome !== 1012) throw new Error(`closed with ${outcome}`)
  return undefined
}
