// Listening sockets that outlive the primary: passed in by a service manager, and given to it to keep for the next
// primary. While nobody accepts on them, connections wait in the kernel.
import { createHash } from 'node:crypto'
import { closeSync } from 'node:fs'
import { StickyError } from '../errors.ts'
import type { Libc } from '../native/libc.ts'
import { addressOf, listeningProblem, setSocketFlags, sharesPort } from '../native/listening.ts'
import type { Logger } from '../logger.ts'
import { SLOTS } from '../slots/hash.ts'
import { takeActivation, type Passed } from './activation.ts'
import type { ListenOptions } from '../steering/listen.ts'

/** Who keeps sockets while there is no primary. */
export interface SocketKeeper {
  /** Whether it can. */
  readonly keepsSockets: boolean
  keep(name: string, fd: number): void
  /** Resolves when the keeper has closed what it had under these names, or does not answer. */
  forget(names: Iterable<string>): Promise<void>
}

export class PassedSockets {
  readonly #log: Logger
  readonly #libc: Libc | undefined
  readonly #keeper: SocketKeeper
  /** Opened by a former primary, and kept. */
  readonly #kept: Passed[]
  /** Opened by the manager. */
  readonly #given: readonly Passed[]

  /** @throws StickyError HOLDFAST_BAD_ACTIVATION */
  constructor(log: Logger, libc: Libc | undefined, keeper: SocketKeeper, env: NodeJS.ProcessEnv = process.env) {
    this.#log = log
    this.#libc = libc
    this.#keeper = keeper
    const { passed, stranger } = takeActivation(env)
    if (stranger !== undefined) {
      const hint = `LISTEN_PID is ${stranger}, this is ${process.pid}: let the manager start node itself`
      log.warn('activation.ignored', { hint })
    }
    this.#kept = passed.filter(({ name }) => isOurs(name))
    this.#given = passed.filter(({ name }) => !isOurs(name))
  }

  /** Whether there is a listening socket for a primary that accepts itself. */
  hasListener(options: ListenOptions): boolean {
    if (this.#given.length > 0) return this.#given.length === 1
    return this.#kept.some(({ name }) => name === listenerName(options))
  }

  /**
   * That socket.
   *
   * @throws StickyError HOLDFAST_BAD_ACTIVATION
   */
  async listener(options: ListenOptions): Promise<number | undefined> {
    const [socket] = (await this.#take([listenerName(options)])) ?? []
    return socket
  }

  /**
   * The sockets of the slots, in their order, with the program that picks among them.
   *
   * @param program - its bytes
   * @throws StickyError HOLDFAST_BAD_ACTIVATION
   */
  group(options: ListenOptions, program: Buffer): Promise<number[] | undefined> {
    return this.#take(slotNames(options, program))
  }

  /** For the next primary. */
  keepListener(fd: number, options: ListenOptions): void {
    this.#keep([listenerName(options)], [fd])
  }

  keepGroup(sockets: readonly number[], options: ListenOptions, program: Buffer): void {
    this.#keep(slotNames(options, program), sockets)
  }

  /** @param names - one per socket that is wanted */
  async #take(names: readonly string[]): Promise<number[] | undefined> {
    const sockets = this.#given.length > 0 ? this.#givenSockets(names.length) : this.#keptSockets(names)
    await this.#discard(sockets, names)
    if (sockets === undefined) return undefined
    if (this.#libc !== undefined) for (const fd of sockets) setSocketFlags(this.#libc, fd)
    this.#log.info('activation.inherited', { sockets: sockets.length })
    return sockets
  }

  #givenSockets(wanted: number): number[] {
    const sockets = this.#given.map(({ fd }) => fd)
    if (sockets.length !== wanted || new Set(this.#given.map(({ name }) => name)).size > 1) {
      const fits = `hand-off takes one listening socket, kernel steering ${SLOTS} of one name, slot by slot`
      throw new StickyError('HOLDFAST_BAD_ACTIVATION', `${sockets.length} came; ${fits}`)
    }
    const problem = this.#problem(sockets)
    if (problem !== undefined) throw new StickyError('HOLDFAST_BAD_ACTIVATION', problem)
    return sockets
  }

  /** All of them, or nothing: a group of sockets that lacks one steers wrongly. */
  #keptSockets(names: readonly string[]): number[] | undefined {
    const byName = new Map(this.#kept.map(({ name, fd }) => [name, fd]))
    const sockets = names.flatMap((name) => byName.get(name) ?? [])
    return sockets.length === names.length && this.#problem(sockets) === undefined ? sockets : undefined
  }

  #problem(sockets: readonly number[]): string | undefined {
    const libc = this.#libc
    for (const fd of sockets) {
      const problem = listeningProblem(libc, fd)
      if (problem !== undefined) return `descriptor ${fd} ${problem}`
    }
    const [first] = sockets
    if (first === undefined || sockets.length === 1 || libc === undefined) return undefined
    const { port } = addressOf(libc, first)
    const other = sockets.find((fd) => !sharesPort(libc, fd) || addressOf(libc, fd).port !== port)
    return other === undefined ? undefined : `descriptor ${other} does not share port ${port} with SO_REUSEPORT`
  }

  /** Closes what was kept and is of no use, here and with the keeper: it would hold the port. */
  async #discard(used: readonly number[] | undefined, wanted: readonly string[]): Promise<void> {
    const unused = this.#kept.splice(0).filter(({ fd }) => used?.includes(fd) !== true)
    if (unused.length === 0) return
    const some = used === undefined && unused.some(({ name }) => wanted.includes(name))
    const reason = some ? 'they are not complete' : 'they are for other options'
    this.#log.warn('activation.discarded', { sockets: unused.length, reason })
    for (const { fd } of unused) closeSync(fd)
    await this.#keeper.forget(new Set(unused.map(({ name }) => name)))
  }

  #keep(names: readonly string[], sockets: readonly number[]): void {
    if (!this.#keeper.keepsSockets) return
    for (const [i, fd] of sockets.entries()) this.#keeper.keep(names[i] ?? '', fd)
    this.#log.debug('activation.stored', { sockets: sockets.length })
  }
}

/** Whether a socket of this name was opened by a primary. */
function isOurs(name: string): boolean {
  return /^holdfast-[0-9a-f]{8}-(?:listener|\d{1,3})$/.test(name)
}

function listenerName(options: ListenOptions): string {
  return `holdfast-${fingerprint(options)}-listener`
}

/** @param program - the bytes of the program that picks among them: it stays with its sockets and can not be changed */
function slotNames(options: ListenOptions, program: Buffer): string[] {
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
