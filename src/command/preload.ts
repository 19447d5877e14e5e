// Loaded in each worker before a program that does not call stickyListen. A server of the program that listens on the
// balancer's port gets the connections of this worker.
import { Server } from 'node:net'
import type { Address } from '../ipc/messages.ts'
import { workerSetup } from '../ipc/role.ts'
import { readSettings, type Settings } from '../options/settings.ts'
import { startSticky } from '../sticky-listen.ts'
import type { WorkerSticky } from '../sticky.ts'
import type { Worker } from '../worker/worker.ts'
import { Adoption } from './adoption.ts'
import { launchOptions } from './launch-options.ts'
import { listenAddress, type ListenAddress } from './listen-address.ts'

// workerSetup() claims the role of the worker: processes that the program starts load this file too, and are no
// workers.
const setup = workerSetup()
const options = setup === undefined ? undefined : await launchOptions()
if (setup !== undefined && options !== undefined) interceptListen(readSettings(options), setup.address)

/** @param balancer - where the balancer listens */
function interceptListen(settings: Settings, balancer: Address): void {
  const { logger, health } = settings
  process.env['PORT'] = String(balancer.port)
  const adoption = new Adoption(settings, balancer, (server) => {
    const worker = startSticky(server, settings) as Worker
    emitSigtermOnLeave(worker)
    return worker
  })
  adoption.intercept()
  const listen = Reflect.get(Server.prototype, 'listen') as (...args: unknown[]) => Server
  Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
    const address = listenAddress(args)
    if (address?.port === balancer.port) adoption.named(this, address.host)
    else if (!adoption.hasBegun) warnAboutOtherPort(settings, address, balancer)
    return Reflect.apply(listen, this, args)
  }
  // A program that never listens is restarted again and again. This warning comes before the first restart.
  const delay = health.readyTimeout * 0.9 - performance.now()
  setTimeout(() => {
    if (adoption.hasBegun) return
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

function warnAboutOtherPort({ logger }: Settings, address: ListenAddress | undefined, { port }: Address): void {
  if (address === undefined || address.port === 0) return
  const hint = `this port is not balanced; write --port ${address.port}, or let the program listen on process.env.PORT`
  logger.warn('command.other-port', { port: address.port, balanced: port, hint })
}
