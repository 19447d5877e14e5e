// The session layer of a worker: requests of sessions go to the process that has the session.
import type { Server } from 'node:net'
import { deferred } from '../async/deferred.ts'
import { sleep } from '../async/waiting.ts'
import { StickyError } from '../errors.ts'
import type { PrimaryChannel } from '../ipc/channel.ts'
import type { Drain, Registration } from '../ipc/messages.ts'
import type { SessionRequest, SessionRule } from '../options/options.ts'
import type { Settings } from '../options/settings.ts'
import { sendToPrimary } from '../ipc/send.ts'
import type { Runtime } from '../runtime.ts'
import { isHttp, isHttp2, type DeliverUpgrade } from '../serving/target.ts'
import type { World } from '../world.ts'
import { affinityCookie } from './affinity-cookie.ts'
import { interceptEmit, type InterceptedEmit } from './intercept-emit.ts'
import { Peers } from './peers.ts'

/** Milliseconds between two looks at the number of open sessions while this worker drains. */
const SESSION_CHECK = 50

/**
 * Milliseconds, at most a quarter of the drain's deadline, that sessions get after the application was told to close them.
 * A client that polls learns of the end by the answer to its next request.
 */
const LAST_REQUESTS = 1_000

export interface SessionSettings {
  session: Settings['session']
  balance: Settings['balance']
  proxyProtocol: Settings['proxyProtocol']
  limits: Pick<Settings['limits'], 'holdTimeout'>
}

export interface SessionLayer {
  /**
   * Routes the server's requests from now on, where there is a session rule; otherwise from when a part of the application
   * adds one. Resolves when the primary has reported the other processes. A second call opens the layer for another server
   * in place of the first one.
   *
   * @throws StickyError HOLDFAST_SESSION_TARGET where there is a session rule and the server does not speak HTTP
   */
  open(server: Server): Promise<void>
  /**
   * Resolves when the sessions of this process have ended, at the latest when the clients had the time to learn of the end.
   * Only sessions of parts of the application that count theirs are known to be open.
   */
  sessionsEnded(plan: Drain): Promise<void>
  /** Takes no more requests from other workers. Resolves when those that came are answered. */
  close(): Promise<void>
}

/**
 * @param settings - the rules of the application's options; rules of the runtime come before them
 * @param runtime - gets the function that creates session ids when the layer is open
 */
export function sessionLayer(
  settings: SessionSettings,
  registration: Registration,
  channel: PrimaryChannel,
  runtime: Runtime,
  world: World,
): SessionLayer {
  const { session, balance, limits } = settings
  const rules = [...runtime.sessionRules, ...session.map((rule) => guarded(rule, runtime))]
  const self = { worker: registration.id, instance: registration.instance }
  const peers = new Peers(rules, self, limits.holdTimeout, world)
  const peersKnown = deferred()
  let close = (): Promise<void> => Promise.resolve()
  let started: Promise<void> | undefined
  let applicationServer: Server | undefined

  runtime.on('become', ({ id }) => (self.worker = id))
  runtime.on('session-rule', (rule) => {
    if (!rules.includes(rule)) rules.unshift(rule)
    // The layer was opened without a rule, and has one now.
    if (applicationServer !== undefined) started ??= start(applicationServer)
  })
  channel.on('peers', (message) => {
    peers.update(message.peers, message.owners)
    peersKnown.resolve()
  })

  const intercepted = new Map<Server, InterceptedEmit>()
  let routeRequestsOf = (_server: Server): void => {}

  /** Puts this layer before the listeners of the server. It may do so once only. */
  function intercept(server: Server): InterceptedEmit {
    const known = intercepted.get(server)
    if (known !== undefined) return known
    const emit = interceptEmit(server, runtime.logger)
    intercepted.set(server, emit)
    return emit
  }

  async function start(server: Server): Promise<void> {
    checkTarget(server)
    const { folder, instance } = registration
    const { deliver } = intercept(server)
    // Loaded here, because many workers have no session rule.
    const [{ openPeerSocket }, { router }] = await Promise.all([import('./peer/peer-socket.ts'), import('./router.ts')])
    const cookie = affinityCookie(rules, {
      createValue: () => peers.identity,
      areProxiesTrusted: settings.proxyProtocol !== undefined,
      logger: runtime.logger,
    })
    const deliverUpgrade: DeliverUpgrade = (request, socket, head) => {
      // Without a session it came here by the client's address.
      if (peers.ownerOf(request) === 'none') cookie.addToHandshake(request, socket)
      return target.deliver('upgrade', request, socket, head)
    }
    /** Requests of other workers go to its server. */
    const target = { server, deliver, cookie, deliverUpgrade, world }
    const peerSocket = await openPeerSocket(folder, instance, target)
    close = async () => {
      sendToPrimary({ type: 'peer-socket-closed' })
      await peerSocket.close()
    }
    runtime.createSessionId = () => peers.createSessionId()
    const routed = new Set<Server>()
    routeRequestsOf = (next) => {
      const { serve, start: startRouting, ...to } = intercept(next)
      target.server = next
      target.deliver = to.deliver
      if (routed.has(next)) return
      routed.add(next)
      // Connections of HTTP/2 are never transferred.
      const byAddress = balance === 'address' && !isHttp2(next)
      startRouting(router({ server: next, serve, peers, self, byAddress, folder, cookie, runtime, world }))
    }
    routeRequestsOf(server)
    sendToPrimary({ type: 'peer-socket-open' })
    // Without the primary there are no other workers either.
    if (process.connected) await peersKnown.promise
  }

  return {
    async open(server) {
      if (started !== undefined && applicationServer !== server) {
        checkTarget(server)
        await started
        routeRequestsOf(server)
      }
      applicationServer = server
      if (rules.length > 0) started ??= start(server)
      await started
    },
    async sessionsEnded({ grace, spread, deadline }) {
      const end = world.now() + grace + spread + Math.min(LAST_REQUESTS, deadline / 4)
      while (world.now() < end && runtime.openSessions > 0) await sleep(SESSION_CHECK, world)
    },
    close: () => close(),
  }
}

/** @throws StickyError HOLDFAST_SESSION_TARGET */
function checkTarget(server: Server): void {
  if (isHttp(server)) return
  throw new StickyError('HOLDFAST_SESSION_TARGET', 'give an http, https or http2 server, or take `session` away')
}

/**
 * A session rule that is a function of the application. Clients reach it with whatever they send, so an error or a wrong
 * value must not end the worker.
 *
 * @returns the same rule, but where it fails, the request has no session; the first failure is logged
 */
function guarded(rule: SessionRule, runtime: Pick<Runtime, 'logger'>): SessionRule {
  if (typeof rule !== 'function') return rule
  let isLogged = false
  const fail = (fields: Record<string, unknown>): undefined => {
    if (!isLogged) runtime.logger.warn('session.bad-rule', fields)
    isLogged = true
  }
  return (request: SessionRequest) => {
    try {
      const value: unknown = rule(request)
      if (value === undefined || typeof value === 'string' || isWorkerId(value)) return value
      return fail({ returned: typeof value, hint: "return a text, a worker's id or undefined; not a promise" })
    } catch (error) {
      return fail({ error })
    }
  }
}

function isWorkerId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0
}
