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
   * adds one. Resolves when the primary has reported the other processes. The server of each listener is opened by itself;
   * requests go from one worker to the server of the same listener in another one. A second call for the same listener opens
   * the layer for another server in place of the first one.
   *
   * @param listener - number of the listener, the first one where the server has several
   * @throws StickyError HOLDFAST_SESSION_TARGET where there is a session rule, and the server of the first listener does
   *   not speak HTTP; a server of another listener is left alone then
   */
  open(server: Server, listener?: number): Promise<void>
  /**
   * Resolves when the sessions of this process have ended, at the latest when the clients had the time to learn of the end.
   * Only sessions of parts of the application that count theirs are known to be open.
   */
  sessionsEnded(plan: Drain): Promise<void>
  /** Takes no more requests from other workers. Resolves when those that came are answered. */
  close(): Promise<void>
}

/** The layer of the server of one listener. */
interface ServerLayer {
  server: Server
  readonly listener: number
  readonly peers: Peers
  /** Undefined while there is no session rule. */
  started: Promise<void> | undefined
  /** Routes the requests of this server from now on, in place of the one before. */
  route(server: Server): void
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
  /** By the number of the listener. */
  const layers = new Map<number, ServerLayer>()
  const peersKnown = deferred()
  let lastPeers: Parameters<Peers['update']> | undefined

  runtime.on('become', ({ id }) => (self.worker = id))
  runtime.on('session-rule', (rule) => {
    if (!rules.includes(rule)) rules.unshift(rule)
    // The layers were opened without a rule, and have one now.
    for (const layer of layers.values()) startWhereHttp(layer)
  })
  channel.on('peers', (message) => {
    lastPeers = [message.peers, message.owners]
    for (const { peers } of layers.values()) peers.update(...lastPeers)
    peersKnown.resolve()
  })

  const intercepted = new Map<Server, InterceptedEmit>()
  const routed = new Set<Server>()

  /** Puts this layer before the listeners of the server. It may do so once only. */
  function intercept(server: Server): InterceptedEmit {
    const known = intercepted.get(server)
    if (known !== undefined) return known
    const emit = interceptEmit(server, runtime.logger)
    intercepted.set(server, emit)
    return emit
  }

  /** @throws StickyError HOLDFAST_SESSION_TARGET */
  function startWhereHttp(layer: ServerLayer): void {
    // The number of a listener may come to another server later.
    if (layer.started === undefined && isTarget(layer.server, layer.listener)) layer.started = start(layer)
  }

  async function start(layer: ServerLayer): Promise<void> {
    const { server, listener, peers } = layer
    const { folder, instance } = registration
    const { deliver } = intercept(server)
    // Loaded here, because many workers have no session rule.
    const [{ openPeerSocket, peerSocketPath }, { router }] = await Promise.all([
      import('./peer/peer-socket.ts'),
      import('./router.ts'),
    ])
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
    const peerSocket = await openPeerSocket(folder, peerSocketPath(folder, instance, listener), target)
    layer.close = () => peerSocket.close()
    runtime.createSessionId = () => peers.createSessionId()
    layer.route = (next) => {
      const { serve, start: startRouting, ...to } = intercept(next)
      target.server = next
      target.deliver = to.deliver
      if (routed.has(next)) return
      routed.add(next)
      // Connections of HTTP/2 are never transferred.
      const byAddress = balance === 'address' && !isHttp2(next)
      startRouting(router({ server: next, listener, serve, peers, self, byAddress, folder, cookie, runtime, world }))
    }
    layer.route(server)
    sendToPrimary({ type: 'peer-socket-open' })
    // Without the primary there are no other workers either.
    if (process.connected) await peersKnown.promise
  }

  function newLayer(server: Server, listener: number): ServerLayer {
    const peers = new Peers(rules, self, limits.holdTimeout, world)
    if (lastPeers !== undefined) peers.update(...lastPeers)
    const layer: ServerLayer = {
      server,
      listener,
      peers,
      started: undefined,
      route() {},
      close: () => Promise.resolve(),
    }
    layers.set(listener, layer)
    return layer
  }

  return {
    async open(server, listener = 0) {
      const layer = layers.get(listener) ?? newLayer(server, listener)
      if (layer.started !== undefined && layer.server !== server && isTarget(server, listener)) {
        await layer.started
        layer.route(server)
      }
      layer.server = server
      if (rules.length > 0) startWhereHttp(layer)
      await layer.started
    },
    async sessionsEnded({ grace, spread, deadline }) {
      const end = world.now() + grace + spread + Math.min(LAST_REQUESTS, deadline / 4)
      while (world.now() < end && runtime.openSessions > 0) await sleep(SESSION_CHECK, world)
    },
    async close() {
      const opened = [...layers.values()].filter(({ started }) => started !== undefined)
      if (opened.length > 0) sendToPrimary({ type: 'peer-socket-closed' })
      await Promise.all(opened.map((layer) => layer.close()))
    },
  }
}

/**
 * Whether requests of the server can be routed.
 *
 * @throws StickyError HOLDFAST_SESSION_TARGET for a server of the first listener that does not speak HTTP
 */
function isTarget(server: Server, listener: number): boolean {
  if (isHttp(server)) return true
  if (listener > 0) return false
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
