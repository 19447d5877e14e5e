// Adds a header to the 101 that answers an upgrade. Each library writes the 101 to the socket by itself, with one write or
// several, so the first bytes that the socket sends are looked at.
import type { Socket } from 'node:net'
import { HandshakeHead } from './handshake-head.ts'

type Write = (chunk: Buffer | string, encoding: BufferEncoding, done: (error?: Error | null) => void) => void
type WriteAll = (entries: Entry[], done: (error?: Error | null) => void) => void

interface Entry {
  chunk: Buffer | string
  encoding: BufferEncoding
}

/**
 * Puts a header line into the next head with status 101 on the socket. As soon as the status line is complete, or is none,
 * the socket is as it was before: frames are never looked at.
 *
 * It replaces the methods that carry out the writes of a stream, not `write()`: they get all bytes in their order, those
 * of `end()`, `pipe()` and `cork()` too, and no library replaces them.
 *
 * @param headerLine - returns the line, without its end. It gets the bytes behind the place as far as they have come.
 */
export function addToHandshake(socket: Socket, headerLine: (behind: string) => string | undefined): void {
  const head = new HandshakeHead()
  const write = Reflect.get(socket, '_write') as Write
  const writeAll = Reflect.get(socket, '_writev') as WriteAll

  /** @returns the bytes to write instead; the same entry where nothing changes */
  const look = (entry: Entry): Entry => {
    if (head.isDone) return entry
    const { chunk, encoding } = entry
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk
    const at = head.find(bytes)
    if (head.isDone) for (const restore of restores) restore()
    if (at === undefined) return entry
    const line = headerLine(bytes.toString('latin1', at))
    if (line === undefined) return entry
    const added = Buffer.from(`${line}\r\n`, 'latin1')
    const all = Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)])
    return { chunk: all, encoding: 'buffer' as BufferEncoding }
  }
  const restores = [
    replace(socket, '_write', ((chunk, encoding, done) => {
      const entry = look({ chunk, encoding })
      write.call(socket, entry.chunk, entry.encoding, done)
    }) satisfies Write),
    replace(socket, '_writev', ((entries, done) => {
      // The list itself says whether all of its chunks are buffers; a buffer in place of a text does no harm.
      for (const entry of entries) Object.assign(entry, look(entry))
      writeAll.call(socket, entries, done)
    }) satisfies WriteAll),
  ]
}

/** @returns makes the method what it was. Where something has replaced the new one since, that stays. */
function replace(socket: Socket, name: '_write' | '_writev', method: Write | WriteAll): () => void {
  const before: unknown = Object.hasOwn(socket, name) ? Reflect.get(socket, name) : undefined
  Reflect.set(socket, name, method)
  return () => {
    if (Reflect.get(socket, name) !== method) return
    if (before === undefined) Reflect.deleteProperty(socket, name)
    else Reflect.set(socket, name, before)
  }
}
