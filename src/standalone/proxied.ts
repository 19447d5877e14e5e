// `workers: 0` with `proxyProtocol`: connections pass the same gate as in a balancer, and stay in this process.
import type { Server } from 'node:net'
import { UntilEmpty } from '../async/waiting.ts'
import type { ProxySettings } from '../options/proxy.ts'
import type { Settings } from '../options/settings.ts'
import { attach } from '../serving/attach.ts'
import type { IncomingConnection } from '../steering/connection.ts'
import { ProxyGate } from '../steering/handoff/proxy-gate.ts'
import { readAhead } from '../steering/handoff/read-header.ts'
import { openListener } from '../steering/listener.ts'
import { realWorld } from '../world.ts'

export interface ProxiedListener {
  /**
   * Accepts no new connections. Resolves when no connection waits for its header.
   *
   * @param deadline - milliseconds after which connections that still wait are closed
   */
  close(deadline: number): Promise<void>
}

/**
 * Makes the server listen to the connections that pass the gate.
 *
 * @throws StickyError as `listen` does
 */
export async function listenBehindProxy(
  server: Server,
  settings: Settings,
  proxy: ProxySettings,
): Promise<ProxiedListener> {
  const gate = new ProxyGate(
    proxy,
    settings.logger,
    {
      onPassed({ handle, metadata }) {
        if (handle !== undefined) serve(handle, metadata)
        untilEmpty.check()
      },
      onRefused(incoming: IncomingConnection) {
        incoming.close()
        untilEmpty.check()
      },
    },
    realWorld,
    readAhead,
  )
  const untilEmpty = new UntilEmpty(() => gate.waiting)
  // Without libc each connection is accepted with a Node handle, which the server needs.
  const open = (port: number) =>
    openListener({ ...settings, port }, undefined, (incoming, address) => {
      if (address === undefined) incoming.close()
      else gate.enter(incoming, address)
    })
  const first = await open(settings.port)
  const listeners = [first, ...(await Promise.all(settings.ports.slice(1).map(open)))]
  let closing: Promise<unknown> | undefined
  const stop = (): void => void (closing ??= Promise.all(listeners.map((listener) => listener.close())))
  const serve = attach(server, first.address, stop)

  return {
    async close(deadline) {
      stop()
      if (!(await untilEmpty.wait(deadline))) gate.close()
    },
  }
}
