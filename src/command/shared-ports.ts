// Every port and path that the program listens on, besides the port of the command, is shared by the workers: the primary
// opens it for the first worker, and the others join. A server with `exclusive: true` is the program's own, as under
// node:cluster.
import type { Server } from 'node:net'
import { resolve } from 'node:path'
import { codeOf, describe } from '../errors.ts'
import { addressOn, isPath, listenKey, type ListenTarget } from '../ipc/listen-target.ts'
import type { ListenArguments, ServerInside } from '../serving/attach.ts'
import type { Claim } from '../worker/claims.ts'
import type { Worker } from '../worker/worker.ts'
import { AdoptedServer } from './adopted-server.ts'
import { interceptOpenSocket, isIPv6Only, systemError } from './open-socket.ts'

/** Options of `listen()` that Node does not pass on to its own code. */
interface OwnOptions {
  exclusive?: boolean
  reusePort?: boolean
  readableAll?: boolean
  writableAll?: boolean
}

interface Waiting {
  readonly key: string
  /** {@link ServerInside} `_listeningId` of the call. */
  readonly call: number | undefined
}

export interface SharedPortsParts {
  /** The port of the command, which has rules of its own. */
  readonly port: number
  /** Number of ports that the options of the command name; each may be 0. */
  readonly ownPorts: number
  /** This worker; it starts with the first server. */
  worker(): Worker
  /** {@link SharedPorts.isNeeded} may have changed. */
  onChange(): void
  /** The program listens somewhere else than on the port of the command. */
  onListen(target: ListenTarget): void
}

export class SharedPorts {
  readonly #parts: SharedPortsParts
  readonly #options = new WeakMap<Server, OwnOptions>()
  /** The servers that wait for the primary. */
  readonly #waiting = new Map<Server & ServerInside, Waiting>()
  /** Those that listen, with the key of each one's target. */
  readonly #listening = new Map<AdoptedServer, string>()

  constructor(parts: SharedPortsParts) {
    this.#parts = parts
  }

  /** Whether a server keeps the process running: one that listens, or that waits for the primary. */
  get isNeeded(): boolean {
    return this.#waiting.size > 0 || [...this.#listening.keys()].some(({ isReferenced }) => isReferenced)
  }

  /** The program calls `listen()` with these arguments next. */
  called(server: Server, [first]: readonly unknown[]): void {
    const isObject = typeof first === 'object' && first !== null
    if (isObject) this.#options.set(server, first)
    else this.#options.delete(server)
  }

  /** Shares what the program listens on from now on. */
  intercept(): void {
    interceptOpenSocket((server, args, open) => this.#share(server, args, open))
  }

  /** @returns false where the server is not to be shared */
  #share(server: Server & ServerInside, args: ListenArguments, open: () => void): boolean {
    const [host, port, family, , fd] = args
    const { exclusive, reusePort, readableAll = false, writableAll = false } = this.#options.get(server) ?? {}
    if (server._handle || exclusive === true || reusePort === true || typeof fd === 'number') return false
    if (port === this.#parts.port || family === null) return false
    const { program } = this.#parts.worker()
    let target: ListenTarget
    if (port === -1) {
      if (host === null) return false
      // Node's name of an abstract socket begins with a NUL, and the name of a pipe of Windows is no file's.
      const isFile = !host.startsWith('\0') && process.platform !== 'win32'
      target = { path: isFile ? resolve(host) : host, readableAll, writableAll }
    } else {
      // The ports of the command have the first numbers.
      const index = port === 0 ? this.#parts.ownPorts + program.claims.newIndex(host ?? undefined) : 0
      target = { port, host: host ?? undefined, ipv6Only: isIPv6Only(args), index }
    }
    this.#parts.onListen(target)
    void this.#listen(server, target, open)
    return true
  }

  async #listen(server: Server & ServerInside, target: ListenTarget, finish: () => void): Promise<void> {
    const { program } = this.#parts.worker()
    const call = server._listeningId
    const waiting = { key: listenKey(target), call }
    this.#waiting.delete(server)
    const isTaken = this.#isTaken(waiting.key)
    this.#waiting.set(server, waiting)
    this.#parts.onChange()
    try {
      if (isTaken) throw Object.assign(new Error(), { code: 'EADDRINUSE' })
      const claim = await program.claims.claim(target)
      // The program may have closed the server meanwhile, and may even listen with it again.
      if (server._listeningId === call && !server._handle) this.#adopt(server, target, claim, finish)
      else this.#drop(target, claim)
    } catch (error) {
      this.#freeIndex(target)
      const failure = asNode(error, target)
      if (server._listeningId === call) process.nextTick(() => server.emit('error', failure))
    } finally {
      if (this.#waiting.get(server) === waiting) this.#waiting.delete(server)
      this.#parts.onChange()
    }
  }

  /** Whether a server of the program listens there, or will. One that was closed while it waited will not. */
  #isTaken(key: string): boolean {
    const willListen = ([server, waiting]: [Server & ServerInside, Waiting]): boolean =>
      waiting.key === key && server._listeningId === waiting.call
    return [...this.#listening.values()].includes(key) || [...this.#waiting].some(willListen)
  }

  #drop(target: ListenTarget, claim: Claim): void {
    this.#freeIndex(target)
    this.#parts.worker().program.release(claim.id)
  }

  #freeIndex(target: ListenTarget): void {
    if (isPath(target) || target.port !== 0) return
    const { index = 0, host } = target
    this.#parts.worker().program.claims.freeIndex(index - this.#parts.ownPorts, host)
  }

  #adopt(server: Server, target: ListenTarget, claim: Claim, finish: () => void): void {
    const { program } = this.#parts.worker()
    const adopted = new AdoptedServer(server, addressOn(claim), false, {
      onClose: () => {
        this.#listening.delete(adopted)
        this.#freeIndex(target)
        program.release(claim.id)
        this.#parts.onChange()
      },
      onReference: () => this.#parts.onChange(),
    })
    this.#listening.set(adopted, listenKey(target))
    finish()
    const serve = (): void => {
      if (adopted.isClosed) return
      program.serve(server, claim).catch((error: unknown) => server.emit('error', error))
    }
    // A program that looks for a free port closes its server as soon as that listens.
    setImmediate(() => adopted.whenServing(serve))
  }
}

/** The error with which Node's own `listen()` fails. */
function asNode(error: unknown, target: ListenTarget): Error {
  const code = codeOf(error)
  const { errno, meaning } = systemError(code ?? '') ?? {}
  const address = isPath(target) ? target.path : (target.host ?? '::')
  const port = isPath(target) ? -1 : target.port
  const what = meaning === undefined ? describe(error) : `${code}: ${meaning}`
  const text = `listen ${what} ${address}${isPath(target) ? '' : `:${port}`}`
  return Object.assign(new Error(text), { code, errno, syscall: 'listen', address, port })
}
