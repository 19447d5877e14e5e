// Loaded in each worker before a program that does not call stickyListen. The first server that listens on the
// balancer's port gets the connections of this worker.
import { Server } from 'node:net'
import type { Address } from '../ipc/messages.ts'
import { workerSetup } from '../ipc/role.ts'
import { misuse, show } from '../options/reader.ts'
import { readSettings, type Settings } from '../options/settings.ts'
import { attach } from '../serving/attach.ts'
import { startSticky } from '../sticky-listen.ts'
import type { WorkerSticky } from '../sticky.ts'
import { launchOptions } from './launch-options.ts'
import { includesAddress, listenAddress, type ListenAddress } from './listen-address.ts'
import { refuseCluster } from './refuse-cluster.ts'

// workerSetup() claims the role of the worker: processes that the program starts load this file too, and are no
// workers.
const setup = workerSetup()
const options = setup === undefined ? undefined : await launchOptions()
if (setup !== undefined && options !== undefined) interceptListen(readSettings(options), setup.address)

/**
 * Replaces net.Server.listen().
 *
 * @param balancer - where the balancer listens
 */
function interceptListen(settings: Settings, balancer: Address): void {
  const { logger } = settings
  process.env['PORT'] = String(balancer.port)
  const listen = Reflect.get(Server.prototype, 'listen') as (...args: unknown[]) => Server
  let isAttached = false
  Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
    refuseCluster(this)
    const address = listenAddress(args)
    if (address?.port !== balancer.port) {
      if (!isAttached) warnAboutOtherPort(settings, address, balancer)
      return Reflect.apply(listen, this, args)
    }
    const listener = args.at(-1)
    if (typeof listener === 'function') this.once('listening', listener as () => void)
    if (isAttached) {
      // Some programs listen on each address of localhost. The port belongs to the balancer, so only the first server
      // gets clients.
      logger.info('command.second-listen', { ...address, hint: 'the first server on this port gets the connections' })
      attach(this, balancer, () => {})
      return this
    }
    checkHost(address, balancer)
    isAttached = true
    const sticky = startSticky(this, settings) as WorkerSticky
    sticky.ready.catch((error: unknown) => this.emit('error', error))
    return this
  }
}

function warnAboutOtherPort({ logger }: Settings, address: ListenAddress | undefined, { port }: Address): void {
  if (address === undefined || address.port === 0) return
  const hint = `this port is not balanced; write --port ${address.port}, or let the program listen on process.env.PORT`
  logger.warn('command.other-port', { port: address.port, balanced: port, hint })
}

/**
 * A program that listens on 127.0.0.1 must not become reachable from other machines.
 *
 * @throws RangeError with code HOLDFAST_BAD_OPTION
 */
function checkHost({ host }: ListenAddress, balancer: Address): void {
  if (includesAddress(host, balancer.address)) return
  const expected = `the program to listen on the address of the balancer, ${balancer.address}`
  throw misuse(RangeError, `holdfast: expected ${expected}, got ${show(host)}; write --host ${host}`)
}
