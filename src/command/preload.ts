// Loaded in each worker before a program that does not call stickyListen. The servers of the program get the connections of
// this worker: on the balancer's port, and on every other port or path that they listen on.
import { Server } from 'node:net'
import type { WorkerSetup } from '../ipc/messages.ts'
import { workerSetup } from '../ipc/role.ts'
import { readSettings, type Settings } from '../options/settings.ts'
import { startProgram } from '../sticky-listen.ts'
import type { Worker } from '../worker/worker.ts'
import { Adoption } from './adoption.ts'
import { launchOptions } from './launch-options.ts'
import { listenAddress } from './listen-address.ts'
import { warnAboutProbe, watchForProbe } from './port-probe.ts'
import { refuseCluster } from './refuse-cluster.ts'
import { keepReports } from '../ipc/watch-reports.ts'
import { SharedPorts } from './shared-ports.ts'

// workerSetup() claims the role of the worker: processes that the program starts load this file too, and are no
// workers.
const setup = workerSetup()
const options = setup === undefined ? undefined : await launchOptions()
if (setup !== undefined) keepReports()
if (setup !== undefined && options !== undefined) interceptListen(setup, readSettings(options))

function interceptListen(own: WorkerSetup, settings: Settings): void {
  const { logger } = settings
  const { address: balancer } = own
  process.env['PORT'] = String(balancer.port)
  let worker: Worker | undefined
  const start = (): Worker => (worker ??= startProgram(own, settings))
  // A server that listens keeps the process running, as alone.
  const update = (): void => worker?.program.setNeeded(adoption.isNeeded || ports.isNeeded)
  const adoption = new Adoption(settings, balancer, start, update)
  const probe = watchForProbe(balancer.port)
  const ports = new SharedPorts({
    port: balancer.port,
    ownPorts: settings.ports.length,
    worker: start,
    onChange: update,
    onListen(target) {
      if (!adoption.hasBegun && probe.wasSeen) warnAboutProbe(logger, balancer, target)
    },
  })
  adoption.intercept()
  ports.intercept()
  const listen = Reflect.get(Server.prototype, 'listen') as (...args: unknown[]) => Server
  Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
    refuseCluster(this)
    const address = listenAddress(args)
    if (address?.port === balancer.port) adoption.named(this, address.host)
    ports.called(this, args)
    return Reflect.apply(listen, this, args)
  }
}
