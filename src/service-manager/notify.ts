// Sends messages to the service manager that started this process (sd_notify(3)): over a socket, or where system calls
// are not available, through the program systemd-notify.
import { execFile } from 'node:child_process'
import { Socket } from 'node:net'
import { getSystemErrorName, promisify } from 'node:util'
import { codeOf, describe } from '../errors.ts'
import type { Logger } from '../logger.ts'
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
import { sendDatagram, unixAddress } from '../native/datagram.ts'
import { loadLibc, type Libc } from '../native/libc.ts'

/** Sends messages in order. Never throws, never waits. */
export interface Notifier {
  /**
   * @param text - assignments, one per line: `READY=1`
   * @param fd - a descriptor to send along, only if {@link canStore}; the caller's own copy stays open
   */
  send(text: string, fd?: number): void
  /** Whether descriptors can be sent along. */
  readonly canStore: boolean
  /** Resolves when the manager has processed all messages so far, or does not answer in time. */
  settled(): Promise<void>
}

/**
 * @param name - $NOTIFY_SOCKET
 * @returns undefined when no manager listens
 */
export function openNotifier(name: string | undefined, log: Logger): Notifier | undefined {
  if (!name) return undefined
  const { libc, reason } = loadLibc()
  if (libc === undefined) return notifyProgram(log, reason)
  const address = unixAddress(name)
  if (address !== undefined) return notifySocket(libc, address, log)
  log.warn('notify.failed', { reason: `NOTIFY_SOCKET is ${name}`, hint: 'expected an absolute path, or @ and a name' })
  return undefined
}

/** The most messages in the queue. A manager that has stopped reading gets no further ones. */
const MAX_QUEUED = 1024

/** Results of a send to a manager that has not read the earlier messages yet. */
const BUSY: ReadonlySet<number> = new Set([EAGAIN, ENOBUFS, ENOMEM, ETOOMANYREFS].map((errno) => -errno))
/** Milliseconds until the next attempt. */
const RETRY_DELAY = 10
/** Milliseconds to wait for the answer to a barrier. systemd before version 246 never answers. */
const BARRIER_TIMEOUT = 2_000

/** @param address - from unixAddress() */
function notifySocket(libc: Libc, address: Buffer, log: Logger): Notifier {
  const queue: { text: string; fd: number | undefined }[] = []
  let timer: NodeJS.Timeout | undefined
  let hasComplained = false

  const flush = (): void => {
    clearTimeout(timer)
    for (let next = queue[0]; next !== undefined; next = queue[0]) {
      const sent = sendDatagram(libc, address, next.text, next.fd === undefined ? [] : [next.fd])
      if (BUSY.has(sent)) {
        timer = setTimeout(flush, RETRY_DELAY).unref()
        return
      }
      if (sent < 0) complain(getSystemErrorName(sent))
      queue.shift()
      if (next.fd !== undefined) libc.close(next.fd)
    }
  }

  const complain = (reason: string): void => {
    if (!hasComplained)
      log.warn('notify.failed', { reason, hint: 'the service manager gets no messages of this process' })
    hasComplained = true
  }

  const send = (text: string, fd?: number): void => {
    if (queue.length >= MAX_QUEUED) return complain('the service manager does not read its messages')
    // The caller may close its descriptor before the message is sent, so this sends a copy.
    queue.push({ text, fd: fd === undefined ? undefined : libc.fcntl(fd, F_DUPFD_CLOEXEC, 0) })
    flush()
  }

  /** sd_notify_barrier(3): the manager closes the descriptor that it gets, once it has read all messages before it. */
  const settled = (): Promise<void> => {
    const pair = Buffer.alloc(8)
    if (libc.socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) return Promise.resolve()
    const theirs = pair.readInt32LE(4)
    send('BARRIER=1', theirs)
    libc.close(theirs)
    return new Promise((done) => {
      const ours = new Socket({ fd: pair.readInt32LE(0), readable: true, writable: false })
      const timeout = setTimeout(() => ours.destroy(), BARRIER_TIMEOUT)
      ours.on('error', () => {}) // 'close' follows
      ours.resume().once('close', () => {
        clearTimeout(timeout)
        done()
      })
    })
  }

  return { send, settled, canStore: true }
}

/** @param reason - why the socket cannot be used */
function notifyProgram(log: Logger, reason: string, program = 'systemd-notify'): Notifier {
  let last: Promise<void> = Promise.resolve()
  let queued = 0
  let hasComplained = false
  let isMissing = false
  log.info('notify.fallback', { program, reason, hint: 'the unit needs NotifyAccess=all' })

  const run = async (text: string): Promise<void> => {
    queued--
    try {
      // systemd-notify ends when the manager has read the message.
      await promisify(execFile)(program, text.split('\n'))
    } catch (error) {
      isMissing ||= codeOf(error) === 'ENOENT'
      complain(error)
    }
  }

  const complain = (error: unknown): void => {
    if (hasComplained) return
    hasComplained = true
    const failure = isMissing ? `there is no program ${program}` : describe(error).trim()
    const hint = 'the service manager gets no messages of this process; install the optional package koffi'
    log.warn('notify.failed', { reason: failure, hint })
  }

  return {
    canStore: false,
    send(text) {
      if (isMissing || queued >= MAX_QUEUED) return
      queued++
      last = last.then(() => run(text))
    },
    settled: () => last,
  }
}
