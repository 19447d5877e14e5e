// A storm of messages from one worker to all others, which a request starts: GET /storm/20000. The carrier of the
// messages only has to publish and to subscribe.
import type { RequestListener } from 'node:http'

export interface Storm {
  publish(channel: string, text: string): void
  /** Subscribes to the messages of other workers; messages of this worker may arrive too. */
  subscribe(channel: string, received: (text: string) => void): void
}

/** Messages published in one turn of the event loop. */
const BURST = 50

const TEXT = 'x'.repeat(50)

/** @returns a listener that answers when the other workers have received all messages */
export function stormOn(workers: number, { publish, subscribe }: Storm): RequestListener {
  const me = String(process.pid)
  let received = 0
  let done = (): void => {}
  let missing = 0
  subscribe('storm', (text) => {
    received++
    const [from, last] = text.startsWith('last ') ? text.split(' ').slice(1) : []
    if (last === undefined || from === me) return
    const isAll = received === Number(last)
    received = 0
    publish('storm-received', `${from} ${isAll ? 'all' : 'some'}`)
  })
  subscribe('storm-received', (text) => {
    if (text === `${me} all` && --missing === 0) done()
  })
  return ({ url = '' }, response) => {
    const count = Number(/^\/storm\/(\d+)$/.exec(url)?.[1] ?? 0)
    // The bench sends this request to see whether the server is ready.
    if (count === 0) return void response.end(`ok ${me.padStart(8)}`)
    missing = workers - 1
    done = () => {
      received = 0
      response.end('all received')
    }
    let sent = 0
    const burst = (): void => {
      for (let i = 0; i < BURST && sent < count - 1; i++, sent++) publish('storm', TEXT)
      if (sent < count - 1) setImmediate(burst)
      else publish('storm', `last ${me} ${count}`)
    }
    burst()
  }
}
