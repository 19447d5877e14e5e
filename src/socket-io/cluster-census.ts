// The census for the adapters that extend ClusterAdapter of socket.io-adapter and do not know the other servers: those
// over Redis streams and over sharded channels. A question travels as a serverSideEmit(), over the same channels as the
// requests and so after them.
import { realWorld } from '../world.ts'
import { beforeClose } from './adapter-guards.ts'
import { Census, CENSUS, type Question } from './census.ts'

/** Calls the listener when a worker of this host has ended. @returns ends that */
export type OnServerGone = (listener: () => void) => () => void

/** The members of ClusterAdapter that are used here. */
interface CountingClusterAdapter {
  readonly uid: string
  readonly requests: Map<string, WaitingRequest>
  close(): unknown
  serverCount(): Promise<number>
  fetchSockets(...args: unknown[]): unknown
  serverSideEmit(...args: unknown[]): unknown
  publish(message: object): void
  publishResponse(requester: string, response: object): void
  onMessage(message: ClusterMessage, ...rest: unknown[]): void
  onResponse(response: ClusterMessage): void
}

interface WaitingRequest {
  readonly type: number
  readonly timeout: NodeJS.Timeout
  readonly responses: unknown[]
  readonly current: number
  expected: number
  resolve(...args: unknown[]): void
}

interface ClusterMessage {
  uid: string
  type: number
  data?: { requestId?: string; packet?: unknown }
}

/** MessageType in socket.io-adapter. */
const FETCH_SOCKETS = 7
const SERVER_SIDE_EMIT = 9
const SERVER_SIDE_EMIT_RESPONSE = 10

export function takeCensus(given: object, onServerGone: OnServerGone): void {
  const adapter = given as CountingClusterAdapter
  const { requests, uid } = adapter
  const serverCount = adapter.serverCount.bind(adapter)
  const census = new Census(
    {
      waiting: () => [...requests.keys()],
      servers: () => serverCount(),
      ask: (question) => adapter.publish({ type: SERVER_SIDE_EMIT, data: { packet: [CENSUS, question] } }),
      expect(id, answers) {
        const request = requests.get(id)
        if (request === undefined) return
        request.expected = request.current + answers
        if (answers > 0) return
        clearTimeout(request.timeout)
        requests.delete(id)
        if (request.type === FETCH_SOCKETS) request.resolve(request.responses)
        else request.resolve(null, request.responses)
      },
    },
    realWorld,
  )
  for (const method of ['fetchSockets', 'serverSideEmit'] as const) {
    const own = adapter[method].bind(adapter)
    adapter[method] = (...args) => {
      census.sent()
      return own(...args)
    }
  }
  const onMessage = adapter.onMessage.bind(adapter)
  adapter.onMessage = (message, ...rest) => {
    const { type, data } = message
    const isOfOther = message.uid !== uid && (type === FETCH_SOCKETS || type === SERVER_SIDE_EMIT)
    if (isOfOther && data?.requestId !== undefined) census.received(data.requestId)
    const [name, question] = isOfOther && Array.isArray(data?.packet) ? (data.packet as [unknown, Question]) : []
    if (name !== CENSUS || question === undefined) return onMessage(message, ...rest)
    const reply = { requestId: question.census, packet: census.reply(question) }
    adapter.publishResponse(message.uid, { type: SERVER_SIDE_EMIT_RESPONSE, data: reply })
  }
  const onResponse = adapter.onResponse.bind(adapter)
  adapter.onResponse = (response) => {
    onResponse(response)
    const { requestId = '', packet } = response.data ?? {}
    census.answered(requestId, response.uid)
    if (Array.isArray(packet)) census.replied(requestId, response.uid, packet as string[])
  }
  const stopListening = onServerGone(() => census.serverGone())
  beforeClose(adapter, () => {
    stopListening()
    census.close()
  })
}
