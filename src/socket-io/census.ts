// Requests to all servers that wait for a server that has ended. With Redis a server knows how many others there are, and
// not which ones: so a request counts the answers, and one that was sent to a server that is killed would wait until its
// timeout. When the primary reports the end of a worker, or when a request waits for long, this server asks the others
// which of its requests they have received. Once as many have replied as are subscribed, no other answers will come.
import type { World } from '../world.ts'

/** What a census needs of the adapter of one namespace, which is a server to the others. */
export interface CensusNode {
  /** @returns the ids of own requests that wait for answers */
  waiting(): string[]
  /** @returns how many servers are subscribed, this one included @throws Error when Redis is away */
  servers(): Promise<number>
  /** Sends the question to all other servers. */
  ask(question: Question): void
  /** The own request gets that many more answers at most; without any it is complete. */
  expect(request: string, answers: number): void
}

/** Asks another server which of these requests it has received. */
export interface Question {
  census: string
  requests: string[]
}

/** The first argument of serverSideEmit() in a question. A server without a census ignores it. */
export const CENSUS = 'holdfast:census'

/** Milliseconds between two questions: doubled from the first value after each, up to the last one. */
const FIRST_DELAY = 50
const LAST_DELAY = 500

/** Milliseconds that the id of a received request is kept: longer than an adapter waits for the answers. */
const KEPT = 30_000

export class Census {
  readonly #node: CensusNode
  readonly #world: Pick<World, 'now' | 'setTimeout' | 'clearTimeout' | 'randomBytes'>
  /** By request of another server: when it came. */
  readonly #received = new Map<string, number>()
  /** By own request that waits: the servers that have answered it. */
  readonly #answered = new Map<string, Set<string>>()
  /** The own requests that waited at the last look. */
  #seen = new Set<string>()
  #delay = LAST_DELAY
  #timer: NodeJS.Timeout | undefined
  #current: Round | undefined

  constructor(node: CensusNode, world: Pick<World, 'now' | 'setTimeout' | 'clearTimeout' | 'randomBytes'>) {
    this.#node = node
    this.#world = world
  }

  /** A request of another server has come; this one will answer it, or has done so. */
  received(request: string): void {
    const now = this.#world.now()
    this.#received.set(request, now)
    for (const [old, at] of this.#received) {
      if (now - at < KEPT) break
      this.#received.delete(old)
    }
  }

  /** @returns those of the requests that this server has received */
  reply({ requests }: Question): string[] {
    return requests.filter((request) => this.#received.has(request))
  }

  /** This server has sent a request. */
  sent(): void {
    this.#timer ??= this.#world.setTimeout(() => this.#look(), this.#delay).unref()
  }

  /** Another server has answered an own request. */
  answered(request: string, server: string): void {
    if (!this.#node.waiting().includes(request)) return void this.#answered.delete(request)
    this.#answered.set(request, (this.#answered.get(request) ?? new Set()).add(server))
  }

  /** Another server has replied to a question. */
  replied(census: string, server: string, received: readonly string[]): void {
    if (this.#current?.id !== census) return
    this.#current.replies.set(server, received)
    this.#conclude(this.#current)
  }

  /** A worker of this host has ended. */
  serverGone(): void {
    this.#delay = FIRST_DELAY
    this.#look()
  }

  close(): void {
    this.#world.clearTimeout(this.#timer)
    this.#current = undefined
  }

  #look(): void {
    this.#world.clearTimeout(this.#timer)
    this.#timer = undefined
    this.#current = undefined
    const waiting = this.#node.waiting()
    // On a Cluster a question could overtake a request that was sent just before.
    const requests = waiting.filter((request) => this.#seen.has(request))
    this.#seen = new Set(waiting)
    for (const request of this.#answered.keys()) if (!this.#seen.has(request)) this.#answered.delete(request)
    if (waiting.length === 0) this.#delay = LAST_DELAY
    else this.sent()
    if (requests.length === 0) return
    this.#delay = Math.min(2 * this.#delay, LAST_DELAY)
    void this.#ask(requests)
  }

  async #ask(requests: string[]): Promise<void> {
    const round: Round = { id: this.#world.randomBytes(9).toString('base64url'), requests, replies: new Map() }
    this.#current = round
    try {
      // Counted twice, because a server may come or go between a count and the question.
      const before = await this.#node.servers()
      this.#node.ask({ census: round.id, requests })
      round.servers = Math.max(before, await this.#node.servers())
      this.#conclude(round)
    } catch {
      // Redis is away: the next question comes after the delay.
    }
  }

  #conclude(round: Round): void {
    const { requests, replies, servers } = round
    if (round !== this.#current || servers === undefined || replies.size < servers - 1) return
    this.#current = undefined
    const waiting = new Set(this.#node.waiting())
    for (const request of requests) {
      if (!waiting.has(request)) continue
      const answered = this.#answered.get(request)
      const missing = [...replies].filter(([server, received]) => received.includes(request) && !answered?.has(server))
      this.#node.expect(request, missing.length)
    }
  }
}

/** One question, and the replies to it. */
interface Round {
  readonly id: string
  readonly requests: readonly string[]
  /** By server: the requests that it has received. */
  readonly replies: Map<string, readonly string[]>
  /** How many servers there are, this one included; undefined until they are counted. */
  servers?: number
}
