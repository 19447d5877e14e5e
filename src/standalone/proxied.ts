// `workers: 0` behind a proxy: the same gate as a balancer has, but what passes it stays in this process.
import type { Server } from 'node:net'
import { UntilEmpty } from '../async/drained.ts'
import type { ProxySettings } from '../options/proxy.ts'
import type { Settings } from '../options/settings.ts'
import type { IncomingConnection } from '../steering/connection.ts'
import { openListener } from '../steering/listener.ts'
import { ProxyGate } from '../steering/handoff/proxy-gate.ts'
import { readAhead } from '../steering/handoff/read-header.ts'
import { attach } from '../serving/attach.ts'
import { realWorld } from '../world.ts'

export interface ProxiedListener {
  /** Lets nobody in any more. Resolves when nobody waits for a header, at the latest after so many milliseconds. */
  close(deadline: number): Promise<void>
}

/**
 * Makes the server listen to what passes the gate.
 *
 * @throws StickyError as listening does
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
        if (handle !== undefined) take(handle, metadata)
        drained.check()
      },
      onRefused: refuse,
    },
    realWorld,
    readAhead,
  )
  const drained = new UntilEmpty(() => gate.waiting, realWorld)
  // Without system calls: then each connection has a handle, which is needed here.
  const listener = await openListener(settings, undefined, (incoming, address) => {
    if (address === undefined) incoming.close()
    else gate.enter(incoming, address)
  })
  let closing: Promise<void> | undefined
  const stop = (): void => void (closing ??= listener.close())
  const take = attach(server, listener.address, stop)

  function refuse(incoming: IncomingConnection): void {
    incoming.close()
    drained.check()
  }

  return {
    async close(deadline) {
      stop()
      await drained.wait(deadline)
      gate.close()
    },
  }
}
