// Rooms over plain WebSockets (ws, no Socket.IO): what is said in a room reaches everybody in it, whichever worker they
// are on.
import express from 'express'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { broadcastTo, createBus } from 'holdfast/broadcast'
import { WebSocketServer, type WebSocket } from 'ws'
import { isSameOrigin } from '../support/same-machine.ts'
import { pages } from '../support/pages.ts'
import { watchReach } from './reach.ts'

/** What a page sends. */
type FromPage = { type: 'enter'; room: string } | { type: 'say'; text: string }

const LONGEST_ROOM = 24
const LONGEST_TEXT = 500

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
    for (const socket of wss.clients) tell(socket, { type: 'reach', others })
  })
  const self = { worker, pid: process.pid }

  wss.on('connection', (socket) => {
    let room: string | undefined
    const enter = async (next: string): Promise<void> => {
      if (room !== undefined) rooms.leave(socket, room)
      room = next
      rooms.join(socket, next)
      // It hears everything from here on; or, while the others cannot be reached, what is said on this worker.
      await reach.settled()
      if (room !== next) return // it has gone on to another one
      tell(socket, { type: 'entered', room: next })
      rooms.publish(next, JSON.stringify({ type: 'came', ...self }), { except: socket })
    }
    tell(socket, { type: 'welcome', ...self, bus: bus.kind })
    tell(socket, { type: 'reach', others: reach.isThere })
    socket.on('error', () => socket.terminate())
    socket.on('message', (data, isBinary) => {
      // A Buffer, unless `binaryType` says otherwise.
      const message = isBinary ? undefined : read((data as Buffer).toString())
      if (message?.type === 'enter') void enter(message.room)
      if (message?.type === 'say' && room !== undefined) {
        rooms.publish(room, JSON.stringify({ type: 'said', ...self, text: message.text }))
      }
    })
  })
  return server
}

function tell(socket: WebSocket, message: object): void {
  socket.send(JSON.stringify(message))
}

/** Anybody can send anything. */
function read(text: string): FromPage | undefined {
  const message = parse(text)
  if (typeof message !== 'object' || message === null) return undefined
  const { type, room, text: said } = message as Record<string, unknown>
  if (type === 'enter' && isText(room, LONGEST_ROOM)) return { type, room: room.trim() }
  if (type === 'say' && isText(said, LONGEST_TEXT)) return { type, text: said.trim() }
  return undefined
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // not one of ours
  }
}

function isText(value: unknown, longest: number): value is string {
  return typeof value === 'string' && value.trim() !== '' && value.length <= longest
}
