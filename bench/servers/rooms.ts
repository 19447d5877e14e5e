// Rooms over several workers. The application is the same for all carriers of its messages; BENCH_CARRIER names the
// carrier.
import { createServer, type Server as HttpServer } from 'node:http'
import { stickyListen } from 'holdfast'
import { createBus, broadcastTo } from 'holdfast/broadcast'
import { attachSocketIO } from 'holdfast/socket.io'
import { Server } from 'socket.io'
import { WebSocketServer } from 'ws'
import { sayReady } from '../support/app.ts'
import { stormOn, type Storm } from '../support/storm.ts'

const carrier = process.env['BENCH_CARRIER'] ?? ''
const redis = process.env['BENCH_REDIS'] || undefined
const bridged = process.env['BENCH_ADAPTER'] === 'bridge'

function onBus(): HttpServer {
  const bus = createBus(redis === undefined ? { redis: false } : { redis })
  const server = createServer(stormOn(workers(), busStorm()))
  const sockets = new WebSocketServer({ server, perMessageDeflate: false })
  const topics = broadcastTo(sockets, bus)
  sockets.on('connection', (socket) => {
    let room = ''
    socket.send(`hello ${process.pid}`)
    socket.on('error', () => {})
    socket.on('message', (data: Buffer) => {
      const text = data.toString()
      if (text.startsWith('say ')) return topics.publish(room, `said ${text.slice(4)}`, { except: socket })
      room = text.slice(5)
      topics.join(socket, room)
      return void bus.ready().then(() => socket.send('joined '))
    })
  })
  return server

  function busStorm(): Storm {
    return {
      publish: (channel, text) => bus.publish(channel, text),
      subscribe: (channel, received) => void bus.subscribe(channel, (text) => received(text as string)),
    }
  }
}

function onSocketIO(): HttpServer {
  const server = createServer((request, response) => answer(request, response))
  const io = new Server(server, { perMessageDeflate: false, transports: ['websocket'] })
  attachSocketIO(io, bridged && redis !== undefined ? { adapter: 'bridge', redis } : { redis: redis ?? false })
  const answer = stormOn(workers(), {
    publish: (channel, text) => void io.serverSideEmit(channel, text),
    subscribe: (channel, received) => void io.on(channel, (text: string) => received(text)),
  })
  io.on('connection', (socket) => {
    let room = ''
    socket.emit('hello', String(process.pid))
    socket.on('say', (text: string) => socket.to(room).emit('said', text))
    socket.on('join', (wanted: string) => {
      room = wanted
      void socket.join(room)
      socket.emit('joined', '')
    })
  })
  return server
}

function workers(): number {
  return Number(process.env['BENCH_WORKERS'])
}

const sticky = stickyListen(carrier === 'socket.io' ? onSocketIO : onBus, {
  port: Number(process.env['BENCH_PORT']),
  workers: workers(),
  logger: false,
})
await sticky.ready
if (sticky.role === 'worker') sayReady()
