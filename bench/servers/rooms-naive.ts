// The same rooms as guides to node:cluster show them: one process.send per message, which the primary sends on to every
// other worker.
import cluster from 'node:cluster'
import { createServer } from 'node:http'
import { WebSocketServer, type WebSocket } from 'ws'
import { sayReady } from '../support/app.ts'
import { stormOn } from '../support/storm.ts'

interface Message {
  channel: string
  text: string
}

const workers = Number(process.env['BENCH_WORKERS'])

if (cluster.isPrimary) {
  for (let i = 0; i < workers; i++) cluster.fork()
  cluster.on('message', (from, message: Message) => {
    for (const worker of Object.values(cluster.workers ?? {})) if (worker !== from) worker?.send(message)
  })
} else {
  const listeners = new Map<string, Set<(text: string) => void>>()
  const subscribe = (channel: string, received: (text: string) => void): void => {
    listeners.set(channel, (listeners.get(channel) ?? new Set()).add(received))
  }
  const publish = (channel: string, text: string): void => void process.send?.({ channel, text })
  process.on('message', ({ channel, text }: Message) => {
    for (const received of listeners.get(channel) ?? []) received(text)
  })
  const server = createServer(stormOn(workers, { publish, subscribe }))
  const rooms = new Map<string, Set<WebSocket>>()
  new WebSocketServer({ server, perMessageDeflate: false }).on('connection', (socket) => {
    let room = ''
    socket.send(`hello ${process.pid}`)
    socket.on('error', () => {})
    socket.on('message', (data: Buffer) => {
      const text = data.toString()
      if (text.startsWith('say ')) {
        const said = `said ${text.slice(4)}`
        for (const other of rooms.get(room) ?? []) if (other !== socket) other.send(said)
        return publish(room, said)
      }
      room = text.slice(5)
      const inside = rooms.get(room) ?? new Set()
      if (inside.size === 0) {
        subscribe(room, (said) => {
          for (const other of inside) other.send(said)
        })
      }
      rooms.set(room, inside.add(socket))
      return socket.send('joined ')
    })
  })
  server.listen({ port: Number(process.env['BENCH_PORT']), backlog: 4096 }, sayReady)
}
