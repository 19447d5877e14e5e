// Takes the PROXY protocol's header off a connection, and leaves the handle to whoever comes next.
import { Socket } from 'node:net'
import { parseProxyHeader, type ProxyVerdict } from '../../affinity/proxy-header.ts'
import type { TcpHandle } from '../../native/tcp-handle.ts'

type Header = Extract<ProxyVerdict, { type: 'header' }>
type Fault = Extract<ProxyVerdict, { type: 'bad' }>['reason'] | 'aborted'

interface HeaderEvents {
  /** @param head - what was read of the bytes behind it */
  header(bytes: Buffer, verdict: Header, head: Buffer | undefined): void
  bad(reason: Fault): void
}

/**
 * Reads until the header is complete.
 *
 * @param handle - is not read from any more when one of the two was called, or when the returned function was
 */
export type ReadHeader = (handle: TcpHandle, max: number, events: HeaderEvents) => () => void

/** For a connection that goes to another process: never a byte behind the header. */
export const readExactly: ReadHeader = (handle, max, events) => {
  let bytes = EMPTY
  let verdict = parseProxyHeader(bytes, max)
  // As long as the buffer is: no more is ever read at once.
  const buffer = (): Buffer => Buffer.alloc(verdict.type === 'more' ? verdict.bytes : 0)
  const callback = (size: number, chunk: Uint8Array): boolean => {
    bytes = Buffer.concat([bytes, chunk.subarray(0, size)])
    verdict = parseProxyHeader(bytes, max)
    if (verdict.type === 'more') return true
    release()
    if (verdict.type === 'header') events.header(bytes, verdict, undefined)
    else events.bad(verdict.reason)
    return false
  }
  const { release } = reader(handle, { onread: { buffer, callback } }, events)
  return release
}

/**
 * For one that stays: a handle that was read exactly can not be read in another way afterwards, so this one is read as
 * any, and the surplus comes along.
 */
export const readAhead: ReadHeader = (handle, max, events) => {
  let bytes = EMPTY
  let isOver = false
  const { socket, release } = reader(handle, {}, events)
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    const verdict = parseProxyHeader(bytes, max)
    if (verdict.type === 'more') return
    release()
    // Node is in the middle of this read, and says afterwards that the handle does not read.
    process.nextTick(() => {
      if (isOver) return
      if (verdict.type === 'bad') return events.bad(verdict.reason)
      if (verdict.type !== 'header') return
      const head = bytes.length > verdict.length ? bytes.subarray(verdict.length) : undefined
      events.header(bytes.subarray(0, verdict.length), verdict, head)
    })
  })
  return () => {
    isOver = true
    release()
  }
}

const EMPTY = Buffer.alloc(0)

/** A socket over the handle, until it is released. */
function reader(handle: TcpHandle, options: object, events: HeaderEvents): { socket: Socket; release: () => void } {
  const socket = new Socket({ handle, allowHalfOpen: true, ...options } as object)
  let released = false
  const release = (): void => {
    if (released) return
    released = true
    handle.readStop()
    handle.reading = false
    // The handle outlives the socket, which was only there to read.
    Reflect.set(socket, '_handle', null)
    socket.destroy()
  }
  const aborted = (): void => {
    if (released) return
    release()
    events.bad('aborted')
  }
  socket.on('end', aborted)
  socket.on('error', aborted)
  return { socket, release }
}
