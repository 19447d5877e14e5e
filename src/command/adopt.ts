// Loaded before a program that knows nothing of Holdfast: what listens on the balancer's port gets its connections.
import { Server } from 'node:net'
import { lifecycle } from '../worker/lifecycle.ts'
import { workerSetup } from '../role.ts'
import { readSettings, type Settings } from '../settings.ts'
import { startSticky } from '../sticky-listen.ts'
import { handedOver } from './hand-over.ts'
import { listenPort } from './listen-port.ts'

// Claims the role: what the program itself starts inherits this file, and is no worker.
const setup = workerSetup()
const options = setup === undefined ? undefined : await handedOver()
if (setup !== undefined && options !== undefined) adopt(readSettings(options), setup.address.port)

/** @param port - where the balancer listens */
function adopt(settings: Settings, port: number): void {
  process.env['PORT'] = String(port)
  const listen = Reflect.get(Server.prototype, 'listen') as (...args: unknown[]) => Server
  let isAdopted = false
  Server.prototype.listen = function (this: Server, ...args: unknown[]): Server {
    const wanted = listenPort(args)
    if (isAdopted || wanted !== port) {
      if (!isAdopted && wanted !== undefined && wanted !== 0) {
        const hint = `not balanced; for that write --port ${wanted}, or let the program listen on process.env.PORT`
        settings.logger.warn('command.other-port', { port: wanted, balanced: port, hint })
      }
      return Reflect.apply(listen, this, args)
    }
    isAdopted = true
    const listening = args.at(-1)
    if (typeof listening === 'function') this.once('listening', listening as () => void)
    startSticky(this, settings).ready.catch((error: unknown) => this.emit('error', error))
    return this
  }
  // A program that never listens would be restarted again and again, and nobody would know why.
  const patience = settings.health.readyTimeout * 0.9 - performance.now()
  setTimeout(() => {
    if (isAdopted) return
    const hint = `it has to listen on process.env.PORT, which is ${port}`
    lifecycle.logger.warn('command.no-listen', { hint, pid: process.pid })
  }, patience).unref()
}
