// What a service manager shall call the sockets that it keeps. The name says what they are good for: a primary with other
// options has to open its own.
import { createHash } from 'node:crypto'
import { SLOTS } from '../slots/hash.ts'
import type { ListenOptions } from '../steering/listen.ts'

/** Whether a socket of this name was opened by a primary. */
export function isOurs(name: string): boolean {
  return /^holdfast-[0-9a-f]{8}-(?:listener|\d{1,3})$/.test(name)
}

export function listenerName(options: ListenOptions): string {
  return `holdfast-${fingerprint(options)}-listener`
}

/** @param program - the bytes of the program that picks among them: it stays with its sockets and can not be changed */
export function slotNames(options: ListenOptions, program: Buffer): string[] {
  const print = fingerprint(options, program)
  return Array.from({ length: SLOTS }, (_, slot) => `holdfast-${print}-${slot}`)
}

function fingerprint({ port, host }: ListenOptions, program: Uint8Array = Buffer.alloc(0)): string {
  return createHash('sha256')
    .update(JSON.stringify([port, host ?? null]))
    .update(program)
    .digest('hex')
    .slice(0, 8)
}
