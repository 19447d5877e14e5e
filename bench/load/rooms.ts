// Tasks about messages between workers: rooms of two whose clients are on different workers, and a storm without
// clients.
import { get } from 'node:http'
import { sourceAddress, type Outcome, type Task } from './load.ts'
import { pairs, RoomClient } from './room-clients.ts'

const TEXT = 'x'.repeat(50)

/** Milliseconds without any message after which the task fails. */
const SILENCE = 10_000

/** Puts `sources` clients in rooms of two; in `concurrency` rooms at once a message is on its way. */
export async function inRooms({ port, sources, count, concurrency, dialect = 'ws' }: Task): Promise<Outcome> {
  const clients: RoomClient[] = []
  for (let n = 0; n < sources; n++) {
    clients.push(new RoomClient(port, sourceAddress(n), dialect))
    // A thousand upgrades at once would overflow the backlog.
    if (n % 50 === 49) await Promise.all(clients.slice(-50).map(({ pid }) => pid))
  }
  try {
    const rooms = await pairs(clients)
    await Promise.all(rooms.flat().map((client, i) => client.join(`room-${i >> 1}`)))
    return await talk(rooms.slice(0, concurrency), count, clients)
  } finally {
    for (const client of clients) client.end()
  }
}

function talk(rooms: [RoomClient, RoomClient][], count: number, all: readonly RoomClient[]): Promise<Outcome> {
  const latencies = new Float64Array(count)
  const outcome = { done: 0, failed: 0, pid: 0, unsticky: 0 } as Outcome
  const began = performance.now()
  const cpu = process.cpuUsage()
  let started = 0
  return new Promise((finish, fail) => {
    const silent = setTimeout(() => over(new Error(`${count - outcome.done} messages did not arrive`)), SILENCE)
    const over = (error?: Error): void => {
      clearTimeout(silent)
      for (const client of all) client.onfailed = () => {}
      if (error !== undefined) return fail(error)
      const elapsed = performance.now() - began
      const { user, system } = process.cpuUsage(cpu)
      const sorted = latencies.sort()
      const at = (share: number): number => sorted[Math.floor(count * share)] ?? 0
      finish({ ...outcome, elapsed, p50: at(0.5), p99: at(0.99), busy: (user + system) / 1000 / elapsed })
    }
    for (const client of all) client.onfailed = over
    for (const [one, other] of rooms) {
      let sent = 0
      const next = (): void => {
        if (started === count) return
        started++
        sent = performance.now()
        one.say(TEXT)
      }
      other.onsaid = (text) => {
        if (text !== TEXT) return over(new Error(`received ${text.slice(0, 80)}`))
        silent.refresh()
        latencies[outcome.done++] = performance.now() - sent
        if (outcome.done === count) over()
        else next()
      }
      next()
    }
  })
}

/** One worker publishes `count` messages and the others count them; the answer comes when all messages have arrived. */
export function storm({ port, count }: Task): Promise<Outcome> {
  const began = performance.now()
  return new Promise((done, fail) => {
    get({ port, host: '127.0.0.1', path: `/storm/${count}`, agent: false, timeout: 60_000 }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('end', () => {
        const elapsed = performance.now() - began
        if (text !== 'all received') return fail(new Error(`the storm: ${text}`))
        done({ done: count, failed: 0, elapsed, p50: 0, p99: 0, busy: 0, unsticky: 0, pid: 0 })
      })
    }).on('error', fail)
  })
}
