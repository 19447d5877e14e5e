// The way to a service manager where there are no system calls: the program systemd-notify, once per message.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { codeOf, describe } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { MOST_WAITING, type Notifier } from './notifier.ts'

/** @param why - there is no better way */
export function notifyProgram(log: Logger, why: string, program = 'systemd-notify'): Notifier {
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
