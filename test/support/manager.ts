// A primary that a service manager starts and restarts. test/fixtures/manager.ts is the manager.
import type { Test } from 'tap'
import type { ManagerCommand, ManagerSetup } from '../fixtures/manager.ts'
import { startBalancer, type Balancer, type BalancerOptions } from './balancer.ts'
import { until } from './clients.ts'

export interface Managed extends Balancer {
  /** The notifications of the primary so far, one text per message. */
  notified: string[]
  /** Resolves when a notification with the line has arrived. */
  untilNotified(line: string | RegExp): Promise<void>
  /** Ends the primary with the signal and starts it again; resolves when it is ready again. */
  restart(how?: Partial<ManagerCommand>): Promise<void>
}

let count = 0

/** A unique name for $NOTIFY_SOCKET. */
export function notifyName(): string {
  return `@holdfast-test-notify-${process.pid}-${++count}`
}

export async function startManaged(t: Test, setup: ManagerSetup, options: BalancerOptions = {}): Promise<Managed> {
  const env = { ...options.env, MANAGER: JSON.stringify(setup) }
  const notified: string[] = []
  const balancer = await startBalancer(t, {
    ...options,
    env,
    fixture: 'manager',
    onEvent: (name, detail) => {
      if (name === 'notify') notified.push((detail as { text: string }).text)
    },
  })
  const says = (line: string) => notified.filter((text) => text.split('\n').includes(line)).length
  let starts = 1
  const untilNotified = (line: string | RegExp) => {
    const fits = (text: string) =>
      text.split('\n').some((one) => (typeof line === 'string' ? one === line : line.test(one)))
    return until(`the manager gets ${line}`, () => notified.some(fits))
  }
  return {
    ...balancer,
    notified,
    untilNotified,
    async restart(how = {}) {
      // Before READY=1 the manager may not have all sockets yet.
      if (setup.notify !== undefined) await until('the manager gets READY=1', () => says('READY=1') >= starts)
      starts++
      const ready = balancer.event('ready')
      const command: ManagerCommand = { manager: 'restart', signal: 'SIGKILL', ...how }
      balancer.child.send(command)
      await ready
    },
  }
}
