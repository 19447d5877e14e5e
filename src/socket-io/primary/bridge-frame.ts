// Frames between the primaries of different hosts, through Redis: 4 bytes length of the head (big-endian), the head as
// JSON, then the packed content of each message, one after the other.
import type { AdapterMessage } from '../adapter-message.ts'

/** Version of the layout; a frame of another version is dropped. */
const VERSION = 1

export type Frame = {
  /** Id of the bridge that sends the frame. */
  from: string
  /** Host name and process id of the bridge, for the log. */
  name: string
} & (
  | {
      /** hello: this bridge has connected, and asks for the nodes of the others. here: the answer. */
      kind: 'hello' | 'here'
      /** Uid and namespace of every node of the sender's host. */
      nodes: [uid: string, nsp: string][]
    }
  /**
   * bye: the sender leaves. ping: has no effect; the number of its subscribers shows whether the host is still
   * connected.
   */
  | { kind: 'bye' | 'ping' }
  | { kind: 'messages'; messages: AdapterMessage[] }
)

/** A frame without its sender. */
export type Content = Frame extends infer F ? (F extends Frame ? Omit<F, 'from' | 'name'> : never) : never

/** The fields of a message without its content, and the size of the content in bytes; -1 for no content. */
type MessageHead = Omit<AdapterMessage, 'source' | 'packed'> & { size: number }

export function encodeFrame(frame: Frame): Buffer {
  const bodies: Buffer[] = []
  const headOf = ({ packed, source: _, ...message }: AdapterMessage): MessageHead => {
    const body = packed === undefined ? Buffer.alloc(0) : toBytes(packed)
    bodies.push(body)
    return { ...message, size: packed === undefined ? -1 : body.length }
  }
  const head = Buffer.from(
    JSON.stringify({
      version: VERSION,
      ...frame,
      ...(frame.kind === 'messages' ? { messages: frame.messages.map(headOf) } : {}),
    }),
  )
  const length = Buffer.alloc(4)
  length.writeUInt32BE(head.length)
  return Buffer.concat([length, head, ...bodies])
}

/** @returns undefined for bytes that are no frame, or a frame of another version */
export function decodeFrame(bytes: Buffer): Frame | undefined {
  try {
    const end = 4 + bytes.readUInt32BE(0)
    const head: unknown = JSON.parse(bytes.toString('utf8', 4, end))
    if (!isHead(head)) return undefined
    if (head.kind !== 'messages') return head
    let at = end
    const messages = head.messages.map(({ size, ...message }): AdapterMessage => {
      const body = bytes.subarray(at, (at += Math.max(0, size)))
      return { source: '_sio_adapter', ...message, ...(size < 0 ? {} : { packed: body }) }
    })
    return at === bytes.length ? { ...head, messages } : undefined
  } catch {
    return undefined // the bytes are too short or no JSON
  }
}

type Head =
  Exclude<Frame, { kind: 'messages' }> | (Omit<Frame & { kind: 'messages' }, 'messages'> & { messages: MessageHead[] })

function isHead(head: unknown): head is Head {
  if (typeof head !== 'object' || head === null) return false
  const { version, from, name, kind, nodes, messages } = head as Record<string, unknown>
  if (version !== VERSION || typeof from !== 'string' || typeof name !== 'string') return false
  if (kind === 'messages') return Array.isArray(messages) && messages.every(isMessageHead)
  return kind === 'bye' || kind === 'ping' || ((kind === 'hello' || kind === 'here') && isNodes(nodes))
}

function isMessageHead(message: unknown): message is MessageHead {
  if (typeof message !== 'object' || message === null) return false
  const { uid, nsp, type, size, requesterUid } = message as Record<string, unknown>
  if (typeof uid !== 'string' || typeof nsp !== 'string') return false
  return Number.isInteger(type) && Number.isInteger(size) && ['undefined', 'string'].includes(typeof requesterUid)
}

function isNodes(nodes: unknown): boolean {
  const isNode = (node: unknown) =>
    Array.isArray(node) && node.length === 2 && node.every((one) => typeof one === 'string')
  return Array.isArray(nodes) && nodes.every(isNode)
}

function toBytes(packed: Uint8Array | string): Buffer {
  if (typeof packed === 'string') return Buffer.from(packed, 'base64')
  return Buffer.from(packed.buffer, packed.byteOffset, packed.byteLength)
}
