// Loaded before a program that knows nothing of Holdfast: what listens on the balancer's port gets its connections.
import { Server } from 'node:net'
import { misuse, show } from '../options/reader.ts'
import type { Address } from '../ipc/messages.ts'
import { workerSetup } from '../ipc/role.ts'
import { readSettings, type Settings } from '../options/settings.ts'
import { startSticky } from '../sticky-listen.ts'
import type { WorkerSticky } from '../sticky.ts'
import { attach } from '../serving/attach.ts'
import { launchOptions } from './launch-options.ts'
import { isWithin, listenPlace, type ListenPlace } from './listen-place.ts'

// Claims the role: what the program itself starts inherits this file, and is no worker.
const setup = workerSetup()
const options = setup === undefined ? undefined : await launchOptions()
if (setup !== undefined && options !== undefined) adopt(readSettings(options), setup.address)

/** @param address - where the balancer listens */
function adopt(settings: Settings, address: Address): void {
  const { logger, health } = settings
  process.env['PORT'] = String(address.port)
  const listen = Reflect.get(Server.prototype, 'listen') as (...args: unknown[]) => Server
  let isAdopted = false
  Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
    const place = listenPlace(args)
    if (place?.port !== address.port) {
      if (!isAdopted) tellOfOther(settings, place, address)
      return Reflect.apply(listen, this, args)
    }
    const listening = args.at(-1)
    if (typeof listening === 'function') this.once('listening', listening as () => void)
    if (isAdopted) {
      // It listens on localhost's other address too, for example. The port is the balancer's, and so are its clients.
      logger.info('command.second-listen', { ...place, hint: 'another server of the program has the connections' })
      attach(this, address, () => {})
      return this
    }
    checkHost(place, address)
    isAdopted = true
    const sticky = startSticky(this, settings) as WorkerSticky
    sticky.ready.catch((error: unknown) => this.emit('error', error))
    sayGoodbye(sticky)
    return this
  }
  // A program that never listens would be restarted again and again, and nobody would know why.
  const patience = health.readyTimeout * 0.9 - performance.now()
  setTimeout(() => {
    if (isAdopted) return
    const hint = `it has to listen on process.env.PORT, which is ${address.port}`
    logger.warn('command.no-listen', { hint, pid: process.pid })
  }, patience).unref()
}

/** Programs do their last things on SIGTERM, which Holdfast sends to nobody who can be asked to finish. */
function sayGoodbye(sticky: WorkerSticky): void {
  let isTold = false
  process.once('SIGTERM', () => (isTold = true))
  sticky.once('leave', () => isTold || process.emit('SIGTERM', 'SIGTERM'))
}

function tellOfOther({ logger }: Settings, place: ListenPlace | undefined, { port }: Address): void {
  if (place === undefined || place.port === 0) return
  const hint = `not balanced; for that write --port ${place.port}, or let the program listen on process.env.PORT`
  logger.warn('command.other-port', { port: place.port, balanced: port, hint })
}

/** Who binds to 127.0.0.1 does not want to be found from elsewhere. @throws RangeError with code HOLDFAST_BAD_OPTION */
function checkHost({ host }: ListenPlace, { address }: Address): void {
  if (isWithin(host, address)) return
  const expected = `the program to listen where the balancer does, on ${address}`
  throw misuse(RangeError, `holdfast: expected ${expected}, got ${show(host)}; write --host ${host}`)
}
