// Rooms over plain WebSockets (ws, no Socket.IO): a message reaches all clients of its room, on every worker.
import express from 'express'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { broadcastTo, createBus } from 'holdfast/broadcast'
import { WebSocketServer, type WebSocket } from 'ws'
import { isSameOrigin } from '../support/same-machine.ts'
import { pages } from '../support/pages.ts'
import { watchReach } from './reach.ts'

/** Messages from a page. */
type FromPage = { type: 'enter'; room: string } | { type: 'say'; text: string }

const MAX_ROOM = 24
const MAX_TEXT = 500

export function roomsServer(worker: number): Server {
  const server = createServer(express().disable('x-powered-by').use(pages('ws')))
  const wss = new WebSocketServer({
    server,
    maxPayload: 4_096,
    verifyClient: ({ req }: { req: IncomingMessage }) => isSameOrigin(req),
  })
  const bus = createBus()
  const rooms = broadcastTo(wss, bus)
  const reach = watchReach(bus, (others) => {
    for (const socket of wss.clients) send(socket, { type: 'reach', others })
  })
  const self = { worker, pid: process.pid }

  wss.on('connection', (socket) => {
    let room: string | undefined
    const enter = async (next: string): Promise<void> => {
      if (room !== undefined) rooms.leave(socket, room)
      room = next
      rooms.join(socket, next)
      // From here on the client gets all messages of the room; while the bus is down, those of this worker.
      await reach.settled()
      if (room !== next) return // the client has entered another room meanwhile
      send(socket, { type: 'entered', room: next })
      rooms.publish(next, JSON.stringify({ type: 'came', ...self }), { except: socket })
    }
    send(socket, { type: 'welcome', ...self, bus: bus.kind })
    send(socket, { type: 'reach', others: reach.isThere })
    socket.on('error', () => socket.terminate())
    socket.on('message', (data, isBinary) => {
      // ws gives a Buffer, unless `binaryType` is changed.
      const message = isBinary ? undefined : read((data as Buffer).toString())
      if (message?.type === 'enter') void enter(message.room)
      if (message?.type === 'say' && room !== undefined) {
        rooms.publish(room, JSON.stringify({ type: 'said', ...self, text: message.text }))
      }
    })
  })
  return server
}

function send(socket: WebSocket, message: object): void {
  socket.send(JSON.stringify(message))
}

/** Reads a message. A client can send anything, so every field is checked. */
function read(text: string): FromPage | undefined {
  const message = parse(text)
  if (typeof message !== 'object' || message === null) return undefined
  const { type, room, text: said } = message as Record<string, unknown>
  if (type === 'enter' && isText(room, MAX_ROOM)) return { type, room: room.trim() }
  if (type === 'say' && isText(said, MAX_TEXT)) return { type, text: said.trim() }
  return undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // not a message of the page
  }
}

function isText(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= maxLength
}
