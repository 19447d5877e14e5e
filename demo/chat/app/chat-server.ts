// The chat server of one worker: an ordinary http server, with Socket.IO across workers.
import { randomBytes } from 'node:crypto'
import { createServer, type Server as HttpServer } from 'node:http'
import { hostname } from 'node:os'
import type { WorkerSticky } from 'holdfast'
import { attachSocketIO } from 'holdfast/socket.io'
import { Server } from 'socket.io'
import { Conversation } from './conversation.ts'
import { WorkerReports } from './crew.ts'
import type { ChatServer, ChosenBy } from './events.ts'
import { Presence } from './presence.ts'
import { isSameOrigin } from '../../support/same-machine.ts'
import { staticFiles } from './static-files.ts'
import { serveTab } from './tab.ts'

/** The page's folder; the path starts at the compiled file. */
const page = new URL('../../../../demo/chat/public/', import.meta.url)

export function chatServer({ id, restarts }: WorkerSticky, chosenBy: ChosenBy): HttpServer {
  const server = createServer(staticFiles(page))
  const io: ChatServer = new Server(server, {
    maxHttpBufferSize: 16_384,
    allowRequest: (request, decide) => decide(null, isSameOrigin(request)),
  })
  const backplane = attachSocketIO(io, { channelPrefix: 'holdfast-chat' })

  const self = { uid: randomBytes(8).toString('hex'), key: `${hostname()} ${process.ppid} ${id}`, id, restarts }
  const conversation = new Conversation(io, self.uid)
  const presence = new Presence(io, self.key)
  const crew: WorkerReports = new WorkerReports(io, backplane, self, {
    changed: () => presence.refreshAll(),
    linked: (uid) => conversation.remind(uid),
    beat: () => presence.retry(),
    rooms: () => presence.rooms(),
  })
  io.on('connection', (tab) => serveTab(tab, { self, conversation, presence, crew, chosenBy }))
  crew.start()
  return server
}
