// The session layer of a worker: its peer socket, what it knows of the others, and the decision in between.
import { Server as HttpServer } from 'node:http'
import { Server as HttpsServer } from 'node:https'
import type { Server } from 'node:net'
import { deferred } from '../async/deferred.ts'
import { sleep } from '../async/waiting.ts'
import { StickyError } from '../errors.ts'
import { openForWorker, type Drain, type Registration } from '../ipc/messages.ts'
import type { SessionRequest, SessionRule } from '../options/options.ts'
import type { Settings } from '../options/settings.ts'
import { sendToPrimary } from '../ipc/send.ts'
import type { Runtime } from '../runtime.ts'
import type { World } from '../world.ts'
import { affinityCookie } from './affinity-cookie.ts'
import { Peers } from './peers.ts'
import { openPeerSocket } from './peer/peer-socket.ts'
import { routeRequests, type RouterCounters } from './router.ts'

/** Milliseconds between two looks for sessions that are still there, at the end. */
const LOOK = 50

/**
 * Milliseconds, or a quarter of all the time there is, for the last ones to ask once more: a client that polls is told by the
 * answer.
 */
const GOODBYE = 1_000

export interface SessionSettings {
  session: Settings['session']
  balance: Settings['balance']
  limits: Pick<Settings['limits'], 'holdTimeout'>
}

/** What is known of sessions before the application's server is there, and after. */
export interface SessionLayer {
  readonly counters: Readonly<RouterCounters>
  /**
   * Opens it where there is a rule; else with the first rule that a part of the application brings.
   *
   * @throws StickyError HOLDFAST_SESSION_TARGET where the server speaks no HTTP
   */
  open(server: Server): Promise<void>
  /** Resolves when the sessions that are here have ended, as far as that is known. */
  end(how: Drain): Promise<void>
  /** No requests come from others any more. Resolves when those that came are answered. */
  close(): Promise<void>
}

/** What the application keeps by itself comes before the rules of the options. */
export function sessionLayer(
  { session, balance, limits }: SessionSettings,
  registration: Registration,
  runtime: Runtime,
  world: World,
): SessionLayer {
  const rules = [...runtime.sessionRules, ...session.map((rule) => guarded(rule, runtime))]
  const me = { worker: registration.id, instance: registration.instance }
  const peers = new Peers(rules, me, limits.holdTimeout, world)
  const counters = { forwarded: 0, moved: 0, failed: 0 }
  const peersKnown = deferred()
  const informed = (): void => peersKnown.resolve()
  let close = (): Promise<void> => Promise.resolve()
  let opened: Promise<void> | undefined
  let target: Server | undefined

  runtime.on('become', ({ id }) => (me.worker = id))
  runtime.on('session-rule', (rule) => {
    if (!rules.includes(rule)) rules.unshift(rule)
    // The server may be listening already: who keeps sessions from now on is looked up from now on.
    if (target !== undefined) opened ??= start(target)
  })
  process.on('message', (raw: unknown) => {
    const message = openForWorker(raw)
    if (message?.type !== 'peers') return
    peers.update(message.peers, message.owners)
    informed()
  })

  async function start(server: Server): Promise<void> {
    if (!isHttp(server)) {
      throw new StickyError('HOLDFAST_SESSION_TARGET', 'give an http, https or http2 server, or take `session` away')
    }
    const emit = server.emit.bind(server) as (event: string, ...args: unknown[]) => boolean
    const setAffinityCookie = affinityCookie(rules, () => peers.identity())
    const { folder, instance } = registration
    const peerSocket = await openPeerSocket(folder, instance, { server, emit, setAffinityCookie, world })
    close = async () => {
      sendToPrimary({ type: 'unreachable' })
      await peerSocket.close()
    }
    runtime.createSessionId = () => peers.sid()
    // Connections of HTTP/2 never move.
    const byAddress = balance === 'address' && !isHttp2(server)
    routeRequests(server, { peers, me, byAddress, folder, emit, setAffinityCookie, counters, runtime, world })
    sendToPrimary({ type: 'reachable' })
    // Without the primary there are no other workers either.
    if (process.connected) await peersKnown.promise
  }

  return {
    counters,
    async open(server) {
      target = server
      if (rules.length > 0) opened ??= start(server)
      await opened
    },
    end: (how) => sessionsEnd(how, runtime, world),
    close: () => close(),
  }
}

/**
 * Requests of sessions that live here may come on connections to any worker, until their clients are told to come back.
 * How many have not been is known of those that parts of the application keep; of the rest nobody knows an end.
 */
async function sessionsEnd({ grace, spread, deadline }: Drain, runtime: Runtime, world: World): Promise<void> {
  const end = world.now() + grace + spread + Math.min(GOODBYE, deadline / 4)
  while (world.now() < end && runtime.openSessions > 0) await sleep(LOOK, world)
}

function isHttp(server: Server): boolean {
  return server instanceof HttpServer || server instanceof HttpsServer || isHttp2(server)
}

/** They are plain or TLS servers that know sessions. */
function isHttp2(server: Server): boolean {
  return 'updateSettings' in server
}

/**
 * A session rule of the application's own, which strangers reach with whatever they send: what it throws, or returns by
 * mistake, ends nothing.
 *
 * @returns the same rule; where it fails, the request is of no session, and the first time that is told
 */
function guarded(rule: SessionRule, runtime: Runtime): SessionRule {
  if (typeof rule !== 'function') return rule
  let told = false
  const complain = (fields: Record<string, unknown>): undefined => {
    if (!told) runtime.logger.warn('session.bad-rule', fields)
    told = true
  }
  return (request: SessionRequest) => {
    try {
      const answer: unknown = rule(request)
      if (answer === undefined || typeof answer === 'string' || isId(answer)) return answer
      return complain({ returned: typeof answer, hint: "return a text, a worker's id or undefined; not a promise" })
    } catch (error) {
      return complain({ error })
    }
  }
}

function isId(answer: unknown): answer is number {
  return Number.isInteger(answer) && (answer as number) >= 0
}
