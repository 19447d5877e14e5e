// Loaded in each worker before a program that does not call stickyListen. A server of the program that listens on the
// balancer's port gets the connections of this worker.
import { Server } from 'node:net'
import type { Address } from '../ipc/messages.ts'
import { workerSetup } from '../ipc/role.ts'
import { readSettings, type Settings } from '../options/settings.ts'
import { startSticky } from '../sticky-listen.ts'
import type { Worker } from '../worker/worker.ts'
import { Adoption } from './adoption.ts'
import { launchOptions } from './launch-options.ts'
import { listenAddress, type ListenAddress } from './listen-address.ts'
import { refuseCluster } from './refuse-cluster.ts'
import { keepReports } from '../ipc/watch-reports.ts'

// workerSetup() claims the role of the worker: processes that the program starts load this file too, and are no
// workers.
const setup = workerSetup()
const options = setup === undefined ? undefined : await launchOptions()
if (setup !== undefined) keepReports()
if (setup !== undefined && options !== undefined) interceptListen(readSettings(options), setup.address)

/** @param balancer - where the balancer listens */
function interceptListen(settings: Settings, balancer: Address): void {
  process.env['PORT'] = String(balancer.port)
  const adoption = new Adoption(settings, balancer, (server) => startSticky(server, settings) as Worker)
  adoption.intercept()
  const listen = Reflect.get(Server.prototype, 'listen') as (...args: unknown[]) => Server
  Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
    refuseCluster(this)
    const address = listenAddress(args)
    if (address?.port === balancer.port) adoption.named(this, address.host)
    else if (!adoption.hasBegun) warnAboutOtherPort(settings, address, balancer)
    return Reflect.apply(listen, this, args)
  }
}

function warnAboutOtherPort({ logger }: Settings, address: ListenAddress | undefined, { port }: Address): void {
  if (address === undefined || address.port === 0) return
  const hint = `this port is not balanced; write --port ${address.port}, or let the program listen on process.env.PORT`
  logger.warn('command.other-port', { port: address.port, balanced: port, hint })
}
