// The cheap way to a service manager: datagrams to $NOTIFY_SOCKET.
import { getSystemErrorName } from 'node:util'
import { Socket } from 'node:net'
import {
  AF_UNIX,
  EAGAIN,
  ENOBUFS,
  ENOMEM,
  ETOOMANYREFS,
  F_DUPFD_CLOEXEC,
  SOCK_CLOEXEC,
  SOCK_STREAM,
} from '../native/constants.ts'
import { sendDatagram } from '../native/datagram.ts'
import type { Libc } from '../native/libc.ts'
import type { Logger } from '../logger.ts'
import { MOST_WAITING, type Notifier } from './notifier.ts'

/** The manager has not read yet what was sent before. */
const BUSY: ReadonlySet<number> = new Set([EAGAIN, ENOBUFS, ENOMEM, ETOOMANYREFS].map((errno) => -errno))
/** Milliseconds until it is asked again. */
const RETRY = 10
/** Milliseconds for a manager to say that it is through; those before systemd 246 never do. */
const PATIENCE = 2_000

/** @param address - from unixAddress() */
export function notifySocket(libc: Libc, address: Buffer, log: Logger): Notifier {
  const waiting: { text: string; fd: number | undefined }[] = []
  let timer: NodeJS.Timeout | undefined
  let failed = false

  const flush = (): void => {
    clearTimeout(timer)
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const sent = sendDatagram(libc, address, next.text, next.fd === undefined ? [] : [next.fd])
      if (BUSY.has(sent)) {
        timer = setTimeout(flush, RETRY).unref()
        return
      }
      if (sent < 0) complain(getSystemErrorName(sent))
      waiting.shift()
      if (next.fd !== undefined) libc.close(next.fd)
    }
  }

  const complain = (reason: string): void => {
    if (!failed) log.warn('notify.failed', { reason, hint: 'the service manager does not hear of this process' })
    failed = true
  }

  const send = (text: string, fd?: number): void => {
    if (waiting.length >= MOST_WAITING) return complain('it does not read its messages')
    // A copy, for the caller may close his own, and the number may be another file's, before it goes out.
    waiting.push({ text, fd: fd === undefined ? undefined : libc.fcntl(fd, F_DUPFD_CLOEXEC, 0) })
    flush()
  }

  /** sd_notify_barrier(3): the manager closes the descriptor once it has read everything before. */
  const settled = (): Promise<void> => {
    const pair = Buffer.alloc(8)
    if (libc.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) return Promise.resolve()
    const theirs = pair.readInt32LE(4)
    send('BARRIER=1', theirs)
    libc.close(theirs)
    return new Promise((done) => {
      const ours = new Socket({ fd: pair.readInt32LE(0), readable: true, writable: false })
      const late = setTimeout(() => ours.destroy(), PATIENCE)
      ours.on('error', () => {}) // also the end of it
      ours.resume().once('close', () => {
        clearTimeout(late)
        done()
      })
    })
  }

  return { send, settled, canStore: true }
}
