// The session layer of a worker: its peer socket, what it knows of the others, and the decision in between.
import { Server as HttpServer } from 'node:http'
import { Server as HttpsServer } from 'node:https'
import type { Server } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { StickyError } from '../errors.ts'
import type { PrimaryChannel } from '../ipc/channel.ts'
import type { Drain, Registration } from '../ipc/messages.ts'
import type { Settings } from '../options/settings.ts'
import { sendToPrimary } from '../ipc/send.ts'
import { guarded } from './guarded-rule.ts'
import { processRuntime } from '../runtime.ts'
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
  channel: PrimaryChannel,
): SessionLayer {
  const rules = [...processRuntime.rules, ...session.map(guarded)]
  const me = { worker: registration.id, instance: registration.instance }
  const peers = new Peers(rules, me, limits.holdTimeout)
  const counters = { forwarded: 0, moved: 0, failed: 0 }
  let informed = (): void => {}
  const knows = new Promise<void>((done) => (informed = done))
  let close = (): Promise<void> => Promise.resolve()
  let opened: Promise<void> | undefined
  let target: Server | undefined

  processRuntime.on('become', ({ id }) => (me.worker = id))
  processRuntime.on('session', (rule) => {
    if (!rules.includes(rule)) rules.unshift(rule)
    // The server may be listening already: who keeps sessions from now on is looked up from now on.
    if (target !== undefined) opened ??= start(target)
  })
  channel.on('peers', (message) => {
    peers.update(message.peers, message.owners)
    informed()
  })

  async function start(server: Server): Promise<void> {
    if (!isHttp(server)) {
      throw new StickyError('HOLDFAST_SESSION_TARGET', 'give an http, https or http2 server, or take `session` away')
    }
    const emit = server.emit.bind(server) as (event: string, ...args: unknown[]) => boolean
    const setAffinityCookie = affinityCookie(rules, () => peers.identity())
    const peerSocket = await openPeerSocket(registration.folder, me.instance, server, emit, setAffinityCookie)
    close = async () => {
      sendToPrimary({ type: 'peer-socket-closed' })
      await peerSocket.close()
    }
    processRuntime.sid = () => peers.sid()
    // Connections of HTTP/2 never move.
    const byAddress = balance === 'address' && !isHttp2(server)
    routeRequests(server, { peers, me, byAddress, folder: registration.folder, emit, setAffinityCookie, counters })
    sendToPrimary({ type: 'peer-socket-open' })
    // Without the primary there is nobody else either.
    if (process.connected) await knows
  }

  return {
    counters,
    async open(server) {
      target = server
      if (rules.length > 0) opened ??= start(server)
      await opened
    },
    end: sessionsEnd,
    close: () => close(),
  }
}

/**
 * Requests of sessions that live here may come on connections to any worker, until their clients are told to come back.
 * How many have not been is known of those that parts of the application keep; of the rest nobody knows an end.
 */
async function sessionsEnd({ grace, spread, deadline }: Drain): Promise<void> {
  const end = performance.now() + grace + spread + Math.min(GOODBYE, deadline / 4)
  while (performance.now() < end && processRuntime.counts.some((count) => count() > 0)) await setTimeout(LOOK)
}

function isHttp(server: Server): boolean {
  return server instanceof HttpServer || server instanceof HttpsServer || isHttp2(server)
}

/** They are plain or TLS servers that know sessions. */
function isHttp2(server: Server): boolean {
  return 'updateSettings' in server
}
