// Socket.IO's adapter over channels of Redis, as @socket.io/redis-adapter has it, with plain data and a census. Its
// answers do not say which server they are from. So a server with this class writes that before the answer.
import { realWorld } from '../world.ts'
import { beforeClose, countSafely } from './adapter-guards.ts'
import { encodeAtTheCall, type SendingAdapter } from './at-the-call.ts'
import { Census, CENSUS, type Question } from './census.ts'
import type { OnServerGone } from './cluster-census.ts'
import { plain } from './plain.ts'

/** The members of the adapter that are used here; most of them are private in the types of its package. */
interface ClassicAdapter {
  readonly uid: string
  readonly nsp: { _onServerSideEmit(packet: unknown[]): void }
  readonly requestChannel: string
  readonly responseChannel: string
  /** By id: requests of this node that wait for answers. */
  readonly requests: Map<string, WaitingRequest>
  onrequest(channel: Buffer, bytes: Buffer): Promise<void>
  onresponse(channel: string, bytes: Buffer): void
  publishResponse(request: { uid?: string }, response: string | Buffer): void
  allRooms(): Promise<Set<string>>
  fetchSockets(options: object): Promise<FoundSocket[]>
  serverCount(): Promise<number>
  serverSideEmit(packet: unknown[]): void
  serverSideEmitWithAck(packet: unknown[]): Promise<void>
  close(): void
}

interface WaitingRequest {
  readonly type: number
  readonly timeout: NodeJS.Timeout
  /** How many answers are expected; this server counts too, but not in serverSideEmit(). */
  numSub: number
  readonly msgCount: number
  readonly responses: unknown[]
  readonly rooms?: unknown
  readonly sockets?: unknown
  resolve(...args: unknown[]): void
}

interface FoundSocket {
  id: string
  handshake: object
  rooms: ReadonlySet<string>
  data: unknown
}

interface ClassicRequest {
  uid: string
  requestId: string
  opts?: { rooms: string[]; except: string[] }
  data?: unknown[]
}

/** RequestType in @socket.io/redis-adapter: requests that all servers answer. */
const ALL_ROOMS = 1
const REMOTE_FETCH = 5
const SERVER_SIDE_EMIT = 6

/** The fields that a request of the adapter begins with; an emitter in another language may have another order. */
const REQUEST_HEAD = /^\{"uid":"([^"\\]*)"(?:,"requestId":"([^"\\]*)")?,"type":(\d+)[,}]/

/** The fields that {@link signed} puts before an answer. */
const ANSWER_HEAD = /^\{"from":"([^"\\]*)","to":"([^"\\]*)",/

/** Bytes that both of them fit into. */
const HEAD = 200

type Callback = (error: unknown, ...more: unknown[]) => void

/** @param classic - the class of the adapter */
export function classicAdapter(classic: unknown, onServerGone: OnServerGone): new (...args: unknown[]) => object {
  const Base = classic as new (...args: unknown[]) => ClassicAdapter
  return class CensusAdapter extends Base {
    readonly #census: Census

    constructor(...args: unknown[]) {
      super(...args)
      const census = new Census(
        {
          waiting: () => [...this.requests.keys()],
          servers: () => super.serverCount(),
          ask: (question) => super.serverSideEmit([CENSUS, question]),
          expect: (id, answers) => this.#expect(id, answers),
        },
        realWorld,
      )
      this.#census = census
      encodeAtTheCall(this as unknown as SendingAdapter)
      countSafely(this)
      const stopListening = onServerGone(() => census.serverGone())
      beforeClose(this, () => {
        stopListening()
        census.close()
      })
    }

    override async onrequest(channel: Buffer, bytes: Buffer): Promise<void> {
      const [, uid, requestId, type] = REQUEST_HEAD.exec(bytes.toString('latin1', 0, HEAD)) ?? []
      const isOfOther = channel.toString().startsWith(this.requestChannel) && uid !== undefined && uid !== this.uid
      if (!isOfOther) return super.onrequest(channel, bytes)
      if (requestId !== undefined) this.#census.received(requestId)
      if (Number(type) === REMOTE_FETCH) return this.#answerFetch(parse(bytes))
      if (Number(type) === SERVER_SIDE_EMIT) return this.#answerEmit(parse(bytes))
      return super.onrequest(channel, bytes)
    }

    override onresponse(channel: string, bytes: Buffer): void {
      super.onresponse(channel, bytes)
      const [, server, request] = ANSWER_HEAD.exec(bytes.toString('latin1', 0, HEAD)) ?? []
      if (server === undefined || request === undefined) return
      this.#census.answered(request, server)
      // A reply to a question is an answer that no request of the adapter waits for.
      if (!this.requests.has(request) && bytes.includes('"received":')) {
        const { received } = parse(bytes) as { received?: unknown }
        if (Array.isArray(received)) this.#census.replied(request, server, received as string[])
      }
    }

    override publishResponse(request: ClassicRequest, response: string | Buffer): void {
      super.publishResponse(request, typeof response === 'string' ? signed(response, this.uid, request) : response)
    }

    override allRooms(): Promise<Set<string>> {
      this.#census.sent()
      return super.allRooms()
    }

    override fetchSockets(options: object): Promise<FoundSocket[]> {
      this.#census.sent()
      return super.fetchSockets(options)
    }

    /**
     * Passes an error, such as that Redis is away, to the callback; the adapter ignores it, and no answer would come.
     */
    override async serverSideEmitWithAck(packet: unknown[]): Promise<void> {
      this.#census.sent()
      const callback = packet.at(-1) as Callback
      let isAnswered = false
      const answer: Callback = (...args) => {
        isAnswered = true
        callback(...args)
      }
      try {
        await super.serverSideEmitWithAck([...packet.slice(0, -1), answer])
      } catch (error) {
        if (isAnswered) throw error // the callback itself has thrown it
        callback(error)
      }
    }

    /** In place of the adapter, which has no method between reading `socket.data` and writing JSON. */
    async #answerFetch(request: ClassicRequest): Promise<void> {
      const { requestId, opts } = request
      const [rooms, except] = [new Set(opts?.rooms), new Set(opts?.except)]
      const found = await super.fetchSockets({ rooms, except, flags: { local: true } })
      this.publishResponse(request, JSON.stringify(plain({ requestId, sockets: found.map(described) })))
    }

    /** In place of the adapter, whose callback gives the answer away without a name. */
    #answerEmit(request: ClassicRequest): void {
      const { requestId, data = [] } = request
      if (data[0] === CENSUS) {
        const question = data[1] as Question
        const reply = { requestId: question.census, received: this.#census.reply(question) }
        return this.publishResponse({ ...request, requestId: question.census }, JSON.stringify(reply))
      }
      if (requestId === undefined) return this.#emit(data)
      let isAnswered = false
      this.#emit([
        ...data,
        (answer: unknown) => {
          if (isAnswered) return
          const response = JSON.stringify({ type: SERVER_SIDE_EMIT, requestId, data: answer })
          isAnswered = true
          this.publishResponse(request, response)
        },
      ])
    }

    #emit(packet: unknown[]): void {
      this.nsp._onServerSideEmit(packet)
    }

    #expect(id: string, answers: number): void {
      const request = this.requests.get(id)
      if (request === undefined) return
      const { type, responses, msgCount } = request
      request.numSub = (type === SERVER_SIDE_EMIT ? responses.length : msgCount) + answers
      if (answers > 0) return
      clearTimeout(request.timeout)
      this.requests.delete(id)
      if (type === SERVER_SIDE_EMIT) request.resolve(null, responses)
      else request.resolve(type === ALL_ROOMS ? request.rooms : request.sockets)
    }
  }
}

function parse(bytes: Buffer): ClassicRequest {
  return JSON.parse(bytes.toString()) as ClassicRequest
}

/** The answer with the server that it is from, and the request that it is for, at a known place. */
function signed(response: string, from: string, { requestId: to }: ClassicRequest): string {
  return `${JSON.stringify({ from, to }).slice(0, -1)},${response.slice(1)}`
}

/** The fields that the adapter sends. The store of sessions in the handshake belongs to the application. */
function described({ id, handshake, rooms, data }: FoundSocket): object {
  return { id, handshake: { ...handshake, sessionStore: undefined }, rooms: [...rooms], data }
}
