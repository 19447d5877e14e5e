// A server on two workers that uses all faces which make them one: what a worker shouts, the other one hears.
import { createServer } from 'node:http'
import { stickyListen } from 'holdfast'
import { createBus, type BusMessage } from 'holdfast/broadcast'
import { attachSocketIO } from 'holdfast/socket.io'
import { Server } from 'socket.io'

const bus = createBus({ redis: false })
const heard: Record<string, BusMessage> = {}
bus.subscribe('shout', (message) => (heard['bus'] = message))

const server = createServer((request, response) => {
  if (request.url === '/shout') {
    bus.publish('shout', process.pid)
    io.serverSideEmit('shout', process.pid)
  }
  response.end(JSON.stringify({ pid: process.pid, worker: sticky.id, bus: bus.kind, backplane, heard }))
})
const io = new Server(server)
const { kind: backplane } = attachSocketIO(io, { redis: false })
io.on('shout', (pid: number) => (heard['io'] = pid))

const sticky = stickyListen(server, { workers: 2, admin: Number(process.env['ADMIN']), host: '127.0.0.1' })
if (sticky.role === 'primary') {
  await sticky.ready
  console.log('all ready')
}
