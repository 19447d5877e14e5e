// How messages reach a service manager: see sd_notify(3). There are two ways, a socket and a program.
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

/** Takes the messages of a process to the service manager that started it, in order. Never throws, never waits. */
export interface Notifier {
  /**
   * @param text - assignments, one per line
   * @param fd - a descriptor to go with it; the caller keeps his own. Where {@link canStore} is false it must not be given
   */
  send(text: string, fd?: number): void
  /** Whether descriptors can go along. */
  readonly canStore: boolean
  /** Resolves when the manager has dealt with all that was sent, or does not answer. */
  settled(): Promise<void>
}

export function openNotifier(name: string | undefined, log: Logger): Notifier | undefined {
  if (!name) return undefined
  const { libc, reason } = loadLibc()
  if (libc === undefined) return notifyProgram(log, reason)
  const address = unixAddress(name)
  if (address !== undefined) return notifySocket(libc, address, log)
  log.warn('notify.failed', { reason: `NOTIFY_SOCKET is ${name}`, hint: 'expected a path, or @ and a name' })
  return undefined
}

/** Messages that wait at most: a manager that has stopped reading gets no more. */
const MOST_WAITING = 1024

/** The manager has not read yet what was sent before. */
const BUSY: ReadonlySet<number> = new Set([EAGAIN, ENOBUFS, ENOMEM, ETOOMANYREFS].map((errno) => -errno))
/** Milliseconds until it is asked again. */
const RETRY = 10
/** Milliseconds for a manager to say that it is through; those before systemd 246 never do. */
const PATIENCE = 2_000

/** @param address - from unixAddress() */
function notifySocket(libc: Libc, address: Buffer, log: Logger): Notifier {
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

/** @param why - there is no better way */
function notifyProgram(log: Logger, why: string, program = 'systemd-notify'): Notifier {
  let last: Promise<void> = Promise.resolve()
  let waiting = 0
  let complained = false
  let missing = false
  log.info('notify.fallback', { program, reason: why, hint: 'the unit needs NotifyAccess=all' })

  const run = async (text: string): Promise<void> => {
    waiting--
    try {
      // It ends when the manager has read the message.
      await promisify(execFile)(program, text.split('\n'))
    } catch (error) {
      missing ||= codeOf(error) === 'ENOENT'
      complain(error)
    }
  }

  const complain = (error: unknown): void => {
    if (complained) return
    complained = true
    const reason = missing ? `there is no program ${program}` : describe(error).trim()
    const hint = 'without the optional package koffi the service manager does not hear of this process'
    log.warn('notify.failed', { reason, hint })
  }

  return {
    canStore: false,
    send(text) {
      if (missing || waiting >= MOST_WAITING) return
      waiting++
      last = last.then(() => run(text))
    },
    settled: () => last,
  }
}
