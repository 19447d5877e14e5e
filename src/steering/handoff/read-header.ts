// Reads the PROXY protocol header from a connection, and leaves the handle for further use.
import { Socket } from 'node:net'
import { parseProxyHeader, type ProxyVerdict } from '../../affinity/proxy-header.ts'
import type { TcpHandle } from '../../native/tcp-handle.ts'

type Header = Extract<ProxyVerdict, { type: 'header' }>

/** Why there is no header; 'aborted': the connection ended before. */
type Fault = Extract<ProxyVerdict, { type: 'bad' }>['reason'] | 'aborted'

/** One of the two is called, once. */
interface HeaderEvents {
  /** The header is complete. @param head - bytes behind the header that were read as well */
  onHeader(header: Buffer, verdict: Header, head: Buffer | undefined): void
  onFault(fault: Fault): void
}

/**
 * Reads until the header is complete.
 *
 * @param handle - is not read from any more when an event was reported, or when the returned function was called
 * @param max - bytes of a header, at most
 * @returns stops reading, without an event
 */
export type ReadHeader = (handle: TcpHandle, max: number, events: HeaderEvents) => () => void

/** Reads never a byte behind the header, for a connection that goes to another process. */
export const readExactly: ReadHeader = (handle, max, events) => {
  let bytes = EMPTY
  let verdict = parseProxyHeader(bytes, max)
  // Node reads as many bytes at once as the buffer has: those that surely belong to the header.
  const buffer = (): Buffer => Buffer.alloc(verdict.type === 'more' ? verdict.bytes : 0)
  const callback = (size: number, chunk: Uint8Array): boolean => {
    bytes = Buffer.concat([bytes, chunk.subarray(0, size)])
    verdict = parseProxyHeader(bytes, max)
    if (verdict.type === 'more') return true
    release()
    if (verdict.type === 'header') events.onHeader(bytes, verdict, undefined)
    else events.onFault(verdict.reason)
    return false
  }
  const { release } = reader(handle, { onread: { buffer, callback } }, events)
  return release
}

/**
 * Reads in the usual way, and returns the surplus as `head`, for a connection that stays in this process. A handle that
 * was read with {@link readExactly} cannot be read in another way afterwards.
 */
export const readAhead: ReadHeader = (handle, max, events) => {
  let bytes = EMPTY
  let isStopped = false
  const { socket, release } = reader(handle, {}, events)
  socket.on('data', (chunk: Buffer) => {
    bytes = Buffer.concat([bytes, chunk])
    const verdict = parseProxyHeader(bytes, max)
    if (verdict.type === 'more') return
    release()
    // Node is in the middle of this read, and notes on the handle afterwards that it does not read.
    process.nextTick(() => {
      if (isStopped) return
      if (verdict.type === 'bad') return events.onFault(verdict.reason)
      if (verdict.type !== 'header') return
      const head = bytes.length > verdict.length ? bytes.subarray(verdict.length) : undefined
      events.onHeader(bytes.subarray(0, verdict.length), verdict, head)
    })
  })
  return () => {
    isStopped = true
    release()
  }
}

const EMPTY = Buffer.alloc(0)

/** A socket over the handle, until it is released. */
function reader(handle: TcpHandle, options: object, events: HeaderEvents): { socket: Socket; release: () => void } {
  const socket = new Socket({ handle, allowHalfOpen: true, ...options } as object)
  let isReleased = false
  const release = (): void => {
    if (isReleased) return
    isReleased = true
    handle.readStop()
    handle.reading = false
    // The handle outlives the socket, which was made only to read.
    Reflect.set(socket, '_handle', null)
    socket.destroy()
  }
  const onAbort = (): void => {
    if (isReleased) return
    release()
    events.onFault('aborted')
  }
  socket.on('end', onAbort)
  socket.on('error', onAbort)
  return { socket, release }
}
