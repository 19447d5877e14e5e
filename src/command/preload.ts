// Loaded in each worker before a program that does not call stickyListen. The servers of the program get the connections of
// this worker: on the balancer's port, and on every other port or path that they listen on.
import { Server } from 'node:net'
import type { WorkerSetup } from '../ipc/messages.ts'
import { workerSetup } from '../ipc/role.ts'
import { readSettings, type Settings } from '../options/settings.ts'
import { startProgram } from '../sticky-listen.ts'
import type { WorkerSticky } from '../sticky.ts'
import type { Worker } from '../worker/worker.ts'
import { Adoption } from './adoption.ts'
import { launchOptions } from './launch-options.ts'
import { listenAddress } from './listen-address.ts'
import { warnAboutProbe, watchForProbe } from './port-probe.ts'
import { SharedPorts } from './shared-ports.ts'

// workerSetup() claims the role of the worker: processes that the program starts load this file too, and are no
// workers.
const setup = workerSetup()
const options = setup === undefined ? undefined : await launchOptions()
if (setup !== undefined && options !== undefined) interceptListen(setup, readSettings(options))

function interceptListen(own: WorkerSetup, settings: Settings): void {
  const { logger, health } = settings
  const { address: balancer } = own
  process.env['PORT'] = String(balancer.port)
  let worker: Worker | undefined
  const start = (): Worker => {
    if (worker === undefined) emitSigtermOnLeave((worker = startProgram(own, settings)))
    return worker
  }
  // A server that listens keeps the process running, as alone.
  const update = (): void => worker?.program.setNeeded(adoption.isNeeded || ports.isNeeded)
  const adoption = new Adoption(settings, balancer, start, update)
  let hasListened = false
  const probe = watchForProbe(balancer.port)
  const ports = new SharedPorts({
    port: balancer.port,
    ownPorts: settings.ports.length,
    worker: start,
    onChange: update,
    onListen(target) {
      hasListened = true
      if (!adoption.hasBegun && probe.wasSeen) warnAboutProbe(logger, balancer, target)
    },
  })
  adoption.intercept()
  ports.intercept()
  const listen = Reflect.get(Server.prototype, 'listen') as (...args: unknown[]) => Server
  Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
    const address = listenAddress(args)
    if (address?.port === balancer.port) adoption.named(this, address.host)
    ports.called(this, args)
    return Reflect.apply(listen, this, args)
  }
  // A program that never listens is restarted again and again. This warning comes before the first restart.
  const delay = health.readyTimeout * 0.9 - performance.now()
  setTimeout(() => {
    if (adoption.hasBegun || hasListened) return
    const hint = `the program must listen on process.env.PORT, which is ${balancer.port}`
    logger.warn('command.no-listen', { hint, pid: process.pid })
  }, delay).unref()
}

/**
 * Programs write their data on SIGTERM. Holdfast asks a worker to finish by a message, so no SIGTERM would come. None comes
 * alone either where the program ends because it has nothing left to do.
 */
function emitSigtermOnLeave(sticky: WorkerSticky): void {
  let isNeeded = true
  const leaveOut = (): void => {
    isNeeded = false
  }
  process.once('SIGTERM', leaveOut)
  process.once('beforeExit', leaveOut)
  sticky.once('drain', () => process.off('beforeExit', leaveOut))
  sticky.once('leave', () => isNeeded && process.emit('SIGTERM', 'SIGTERM'))
}
