// Listening sockets that a service manager passes to the primary, and sockets that the primary gives to the manager to
// keep for the next primary. Between two primaries connections wait in the kernel.
import { closeSync } from 'node:fs'
import { StickyError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Libc } from '../native/libc.ts'
import { addressOf, listeningProblem, setSocketFlags, sharesPort } from '../native/listening.ts'
import { SLOTS } from '../slots/hash.ts'
import type { ListenOptions } from '../steering/listen.ts'
import { takeActivation, type PassedDescriptor } from './activation.ts'

/** Keeps sockets open from the end of one primary to the start of the next. */
export interface SocketKeeper {
  /** Whether it is able to keep sockets. */
  readonly keepsSockets: boolean
  /** Keeps a copy of the descriptor under this name. */
  keep(name: string, fd: number): void
  /** Closes the kept sockets of these names. Resolves when that is done, or when the keeper does not answer in time. */
  forget(names: Iterable<string>): Promise<void>
}

/** The sockets that the service manager passed to this primary. */
export class PassedSockets {
  readonly #log: Logger
  readonly #libc: Libc | undefined
  readonly #keeper: SocketKeeper
  readonly #ports: number | undefined
  /** Sockets of an earlier primary, which the manager kept. */
  readonly #kept: PassedDescriptor[]
  /** Sockets that the manager opened itself, and that are not used yet. */
  readonly #activated: PassedDescriptor[]
  /** Number of listeners that took sockets of the manager's own. */
  #taken = 0

  /**
   * @param ports - number of ports that the options name; undefined where the program decides where it listens
   * @throws StickyError HOLDFAST_BAD_ACTIVATION
   */
  constructor(
    log: Logger,
    libc: Libc | undefined,
    keeper: SocketKeeper,
    ports: number | undefined,
    env: NodeJS.ProcessEnv = process.env,
  ) {
    this.#ports = ports
    this.#log = log
    this.#libc = libc
    this.#keeper = keeper
    const { passed, otherPid } = takeActivation(env)
    if (otherPid !== undefined) {
      const hint = `LISTEN_PID is ${otherPid}, this process is ${process.pid}: let the service manager start node directly`
      log.warn('activation.ignored', { hint })
    }
    this.#kept = passed.filter(({ name }) => isKeptName(name))
    this.#activated = passed.filter(({ name }) => !isKeptName(name))
  }

  /** Whether a listening socket for hand-off was passed, or one for each port. */
  hasListener(options: ListenOptions): boolean {
    if (this.#activated.length > 0) return this.#activated.length === (this.#ports ?? 1)
    return this.#kept.some(({ name }) => name === listenerName(options))
  }

  /**
   * The listening socket for hand-off; undefined if none was passed.
   *
   * @throws StickyError HOLDFAST_BAD_ACTIVATION
   */
  async listener(options: ListenOptions): Promise<number | undefined> {
    if (this.#kept.length === 0 && this.#activated.length === 0) return undefined
    const [socket] = (await this.#take([listenerName(options)], options)) ?? []
    return socket
  }

  /**
   * The sockets for kernel steering, in the order of the slots; undefined if none were passed. The steering program is
   * still attached to them.
   *
   * @param program - the bytes of the program that these sockets must have
   * @throws StickyError HOLDFAST_BAD_ACTIVATION
   */
  group(options: ListenOptions, program: Buffer): Promise<number[] | undefined> {
    return this.#take(slotNames(options, program), options)
  }

  /** Gives the listening socket to the manager, for the next primary. */
  keepListener(fd: number, options: ListenOptions): void {
    if (this.#keeper.keepsSockets) this.#keep([listenerName(options)], [fd])
  }

  /** Gives the sockets of the slots to the manager, for the next primary. */
  keepGroup(sockets: readonly number[], options: ListenOptions, program: Buffer): void {
    if (this.#keeper.keepsSockets) this.#keep(slotNames(options, program), sockets)
  }

  /** Closes the kept sockets that no listener has taken. */
  async discardRest(): Promise<void> {
    await this.#discard(this.#kept.splice(0), 'they were opened with other options')
  }

  /** @param names - the names of the sockets that are needed, one per socket */
  async #take(names: readonly string[], options: ListenOptions): Promise<number[] | undefined> {
    const sockets = this.#activated.length > 0 ? this.#activatedSockets(names, options) : this.#keptSockets(names)
    await this.#makeRoom(sockets, names, options)
    if (sockets === undefined) return undefined
    if (this.#libc !== undefined) for (const fd of sockets) setSocketFlags(this.#libc, fd)
    this.#log.info('activation.inherited', { sockets: sockets.length })
    return sockets
  }

  /** @returns undefined where there is none for a port that only the program has named */
  #activatedSockets(names: readonly string[], options: ListenOptions): number[] | undefined {
    const isFirst = this.#taken++ === 0
    const ofSlots = names.length > 1
    if (isFirst) this.#checkActivated(ofSlots)
    const sockets = ofSlots ? this.#activated.map(({ fd }) => fd) : this.#activatedListener(options)
    if (sockets === undefined) return undefined
    const problem = this.#problem(sockets)
    if (problem !== undefined) throw new StickyError('HOLDFAST_BAD_ACTIVATION', problem)
    const left = this.#activated.filter(({ fd }) => !sockets.includes(fd))
    this.#activated.splice(0, this.#activated.length, ...left)
    return sockets
  }

  #checkActivated(ofSlots: boolean): void {
    const { length } = this.#activated
    const isOneName = new Set(this.#activated.map(({ name }) => name)).size === 1
    const ports = this.#ports ?? length
    if (ofSlots ? length === SLOTS && isOneName : length === ports && length < SLOTS) return
    const one = ports > 1 ? `${ports} listening sockets, one for each port` : 'one listening socket'
    const needs = `hand-off needs ${one}, kernel steering ${SLOTS} of one name in the order of the slots`
    throw new StickyError('HOLDFAST_BAD_ACTIVATION', `${needs}; got ${length}`)
  }

  /** The socket on the wanted port; for a port of the options else the first socket that is left. */
  #activatedListener({ port }: ListenOptions): number[] | undefined {
    const isOfOptions = this.#taken <= (this.#ports ?? 1)
    const exact = this.#activated.find(({ fd }) => this.#portOf(fd) === port)
    const found = exact ?? (isOfOptions ? this.#activated[0] : undefined)
    return found && [found.fd]
  }

  #portOf(fd: number): number | undefined {
    const libc = this.#libc
    return libc === undefined || listeningProblem(libc, fd) !== undefined ? undefined : addressOf(libc, fd).port
  }

  /** @returns undefined unless all sockets are there: a group with a missing socket would steer wrongly */
  #keptSockets(names: readonly string[]): number[] | undefined {
    const byName = new Map(this.#kept.map(({ name, fd }) => [name, fd]))
    const sockets = names.flatMap((name) => byName.get(name) ?? [])
    return sockets.length === names.length && this.#problem(sockets) === undefined ? sockets : undefined
  }

  /** @returns why the sockets cannot be used; undefined when they can */
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

  /** Closes the kept sockets that hold the port and are not used. */
  async #makeRoom(
    used: readonly number[] | undefined,
    needed: readonly string[],
    { port }: ListenOptions,
  ): Promise<void> {
    const before = this.#kept.splice(0).filter(({ fd }) => used?.includes(fd) !== true)
    const holds = ({ name, fd }: PassedDescriptor): boolean =>
      this.#libc === undefined || needed.includes(name) || this.#portOf(fd) === port
    this.#kept.push(...before.filter((one) => !holds(one)))
    const unused = before.filter(holds)
    const isIncomplete = used === undefined && unused.some(({ name }) => needed.includes(name))
    await this.#discard(
      unused,
      isIncomplete ? 'some of the sockets are missing' : 'they were opened with other options',
    )
  }

  /** Closes kept sockets, here and in the manager. */
  async #discard(unused: readonly PassedDescriptor[], reason: string): Promise<void> {
    if (unused.length === 0) return
    this.#log.warn('activation.discarded', { sockets: unused.length, reason })
    for (const { fd } of unused) closeSync(fd)
    await this.#keeper.forget(new Set(unused.map(({ name }) => name)))
  }

  #keep(names: readonly string[], sockets: readonly number[]): void {
    for (const [i, fd] of sockets.entries()) this.#keeper.keep(names[i] ?? '', fd)
    this.#log.debug('activation.stored', { sockets: sockets.length })
  }
}

/** Whether the name is one that a primary gave to a kept socket. */
function isKeptName(name: string): boolean {
  return /^holdfast-[0-9a-f]{8}-(?:listener|\d{1,3})$/.test(name)
}

/**
 * The name of a kept socket contains a fingerprint of the options that it was opened with. A primary with other options
 * has to open its own sockets.
 */
function listenerName(options: ListenOptions): string {
  return `holdfast-${fingerprint(options)}-listener`
}

/** @param program - the bytes of the steering program, which stays attached to the sockets and cannot be replaced */
function slotNames(options: ListenOptions, program: Buffer): string[] {
  const print = fingerprint(options, program)
  return Array.from({ length: SLOTS }, (_, slot) => `holdfast-${print}-${slot}`)
}

function fingerprint({ port, host, index = 0 }: ListenOptions, program: Uint8Array = Buffer.alloc(0)): string {
  // An import would load node:crypto, almost a megabyte, also where no manager passes or keeps a socket.
  return process
    .getBuiltinModule('node:crypto')
    .createHash('sha256')
    .update(JSON.stringify([port, host ?? null, ...(index === 0 ? [] : [index])]))
    .update(program)
    .digest('hex')
    .slice(0, 8)
}
