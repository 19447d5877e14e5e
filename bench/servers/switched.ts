// One worker that switches its session layer off and on again every few requests, and measures both: the process is the
// same, so only the layer differs. GET /figures has the CPU time per request in microseconds, of each part since the
// last GET /figures.
import { EventEmitter } from 'node:events'
import { stickyListen, type StickyOptions } from 'holdfast'
import { attachSocketIO } from 'holdfast/socket.io'
import { Server } from 'socket.io'
import { answer, createApp, sayReady } from '../support/app.ts'
import { PART, type Figures } from '../support/switched.ts'

const none = (): Figures => ({ off: [], on: [] })
let figures = none()

const server = createApp((request, response) => {
  if (request.url !== '/figures') return answer(request, response)
  response.end(JSON.stringify(figures))
  figures = none()
})

const session = JSON.parse(process.env['BENCH_RULE'] ?? '') as NonNullable<StickyOptions['session']>
if (session === 'socket.io') {
  // The clients only send and never answer a ping, so the interval is long.
  attachSocketIO(new Server(server, { transports: ['polling'], pingInterval: 600_000 }), { redis: false })
}
const sticky = stickyListen(server, {
  port: Number(process.env['BENCH_PORT']),
  workers: 1,
  steering: 'handoff',
  ...(session === 'socket.io' ? {} : { session }),
  logger: false,
})
await sticky.ready
if (sticky.role === 'worker') {
  switchLayer()
  sayReady()
}

function switchLayer(): void {
  const layer = Object.getOwnPropertyDescriptor(server, 'emit')?.value as typeof server.emit | undefined
  if (layer === undefined) throw new Error('there is no session layer')
  const ways = { off: EventEmitter.prototype.emit, on: layer }
  let way: keyof Figures = 'on'
  let next: (keyof Figures)[] = []
  let requests = 0
  let began = process.cpuUsage()
  server.prependListener('request', () => {
    if (++requests < PART) return
    requests = 0
    const { user, system } = process.cpuUsage(began)
    figures[way].push((user + system) / PART)
    // The order of each pair is random, so that a regular disturbance does not hit one way only.
    if (next.length === 0) next = Math.random() < 0.5 ? ['off', 'on'] : ['on', 'off']
    way = next.pop() ?? 'on'
    server.emit = ways[way]
    began = process.cpuUsage()
  })
}
