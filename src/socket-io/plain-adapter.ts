// Socket.IO's classic adapter over Redis writes JSON of what the application has in `socket.data`, of what it says to other
// servers and of what it answers them; and JSON that throws there would end the worker. So it gets plain data.
import { plain } from './plain.ts'
import { countSafely } from './server-count.ts'

/** The adapter, as far as it matters here; most of it is private to the type of its package. */
interface ClassicAdapter {
  readonly nsp: { _onServerSideEmit(packet: unknown[]): void }
  readonly requestChannel: string
  /** Questions of this node that wait for answers. */
  readonly requests: ReadonlyMap<string, unknown>
  onrequest(channel: Buffer, bytes: Buffer): Promise<void>
  publishResponse(request: Question, response: string): void
  fetchSockets(options: object): Promise<FoundSocket[]>
  serverSideEmit(packet: unknown[]): void
  serverSideEmitWithAck(packet: unknown[]): Promise<void>
}

interface Question {
  type: number
  uid: string
  requestId: string
  opts: { rooms: string[]; except: string[] }
}

interface FoundSocket {
  id: string
  handshake: object
  rooms: ReadonlySet<string>
  data: unknown
}

/** RequestType in @socket.io/redis-adapter: which sockets are there? */
const REMOTE_FETCH = 5

type Answer = (error: unknown, ...more: unknown[]) => void

/** @param classic - the adapter's class */
export function plainAdapter(classic: unknown): new (...args: unknown[]) => object {
  const Base = classic as new (...args: unknown[]) => ClassicAdapter
  return class PlainAdapter extends Base {
    constructor(...args: unknown[]) {
      super(...args)
      answerPlainly(this.nsp)
      countSafely(this)
    }

    /** The question for sockets is answered here, because nothing of the adapter comes between `socket.data` and JSON. */
    override async onrequest(channel: Buffer, bytes: Buffer): Promise<void> {
      const question = channel.toString().startsWith(this.requestChannel) ? fetchQuestion(bytes) : undefined
      if (question === undefined) return super.onrequest(channel, bytes)
      const { requestId, opts } = question
      if (this.requests.has(requestId)) return // its own
      const [rooms, except] = [new Set(opts.rooms), new Set(opts.except)]
      const found = await super.fetchSockets({ rooms, except, flags: { local: true } })
      this.publishResponse(question, JSON.stringify(plain({ requestId, sockets: found.map(described) })))
    }

    override serverSideEmit(packet: unknown[]): void {
      super.serverSideEmit(packet.map((one) => (typeof one === 'function' ? one : plain(one))))
    }

    /** The adapter looks at no error of it, such as that Redis is away; whoever asked would wait for ever. */
    override async serverSideEmitWithAck(packet: unknown[]): Promise<void> {
      const answered = packet.at(-1) as Answer
      let isAnswered = false
      const answer: Answer = (...args) => {
        isAnswered = true
        answered(...args)
      }
      try {
        await super.serverSideEmitWithAck([...packet.slice(0, -1), answer])
      } catch (error) {
        if (isAnswered) throw error // the application's own
        answered(error)
      }
    }
  }
}

function fetchQuestion(bytes: Buffer): Question | undefined {
  // Most of what comes is something else, and is read by the adapter.
  if (!bytes.includes(`"type":${REMOTE_FETCH},`)) return undefined
  try {
    const question = JSON.parse(bytes.toString()) as Question
    return question.type === REMOTE_FETCH ? question : undefined
  } catch {
    return undefined // the adapter ignores it
  }
}

/** As the adapter does. The store of sessions belongs to the application. */
function described({ id, handshake, rooms, data }: FoundSocket): object {
  return { id, handshake: { ...handshake, sessionStore: undefined }, rooms: [...rooms], data }
}

/** What listeners answer other servers. */
function answerPlainly(namespace: ClassicAdapter['nsp']): void {
  const own = namespace._onServerSideEmit.bind(namespace)
  const plainly = (one: unknown): unknown =>
    typeof one === 'function' ? (answer: unknown) => Reflect.apply(one, undefined, [plain(answer)]) as unknown : one
  namespace._onServerSideEmit = (packet) => own(packet.map(plainly))
}
