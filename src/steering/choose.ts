// Which steering: kernel steering where it was asked for and works, else hand-off.
import { StickyError } from '../errors.ts'
import { isPath } from '../ipc/listen-target.ts'
import type { Libc } from '../native/libc.ts'
import type { Settings } from '../options/settings.ts'
import type { SlotTable } from '../slots/slot-table.ts'
import { countingOption } from './handoff/connection-limits.ts'
import { Handoff } from './handoff/handoff.ts'
import type { KernelSteering } from './kernel/kernel-steering.ts'
import type { NativeAccept } from './accept.ts'
import { openListener, type Listen } from './listener.ts'
import { openPathListener } from './path-listener.ts'
import { PassedSockets, type SocketKeeper } from '../service-manager/kept-sockets.ts'
import { newCounters, type Steering, type SteeringEvents } from './steering.ts'
import type { World } from '../world.ts'

/**
 * Chooses the steering that the settings ask for, and says why.
 *
 * @param ports - number of ports that the options name; undefined where the program decides where it listens
 * @param native - the system calls, or the reason why there are none
 * @param keeper - keeps the listening sockets for the next primary
 * @returns `reason` is for logs and status
 * @throws StickyError HOLDFAST_KERNEL_STEERING when the settings ask for kernel steering alone and it does not work
 *   here; HOLDFAST_BAD_ACTIVATION
 */
export async function chooseSteering(
  settings: Settings,
  ports: number | undefined,
  native: { libc?: Libc | undefined; reason: string },
  table: SlotTable,
  events: SteeringEvents,
  keeper: SocketKeeper,
  world: World,
): Promise<{ steering: Steering; reason: string; passed: PassedSockets }> {
  const passed = new PassedSockets(settings.logger, native.libc, keeper, ports)
  const { libc } = native
  const handoff = (reason: string) => {
    const accepting = libc === undefined ? undefined : { libc, clock: world }
    const listen = listening(settings, accepting, passed, world)
    return { steering: new Handoff(settings, table, events, listen, world), reason, passed }
  }
  if (settings.steering === 'handoff') return handoff('it is configured')
  // Kernel steering opens sockets of its own, and the connections in the queue of this one would be lost.
  if (settings.steering === 'auto' && passed.hasListener(settings)) return handoff('one listening socket was passed in')
  const kernel = await tryKernel(settings, native, table, events, passed, world)
  if (typeof kernel !== 'string') return { steering: kernel, reason: 'the self-test passed', passed }
  if (settings.steering === 'kernel')
    throw new StickyError('HOLDFAST_KERNEL_STEERING', `${kernel}; write 'auto' instead of 'kernel'`)
  return handoff(`no kernel steering: ${kernel}`)
}

/**
 * Stands in until the choice is made: no port is open and no worker runs, so all counters are 0 and there is nothing to
 * steer. Its name is that of hand-off, which every platform has.
 */
export function unchosenSteering(): Steering {
  const tooEarly = (): never => {
    throw new Error('no steering is chosen yet')
  }
  return {
    name: 'handoff',
    counters: newCounters(),
    pending: 0,
    pendingOf: () => 0,
    silence: () => 0,
    open: async () => tooEarly(),
    restore: () => Promise.resolve(),
    serve() {},
    unserve() {},
    attach: tooEarly,
    transfer: (_channel, handle) => handle.close(),
    assign() {},
    retire() {},
    detach() {},
    closeListener: () => Promise.resolve(),
    closeListeners: () => Promise.resolve(),
    drained: () => Promise.resolve(),
    close() {},
  }
}

/** Opens listeners later: see {@link openListener} and {@link openPathListener}. */
function listening(settings: Settings, native: NativeAccept | undefined, passed: PassedSockets, world: World): Listen {
  const { backlog } = settings
  let unused = settings.bound
  return (target, accept) => {
    if (isPath(target)) return openPathListener(target, backlog, accept, world)
    const bound = unused
    unused = undefined
    return openListener({ ...target, backlog, bound }, native, accept, passed)
  }
}

/** The name of an option for which each connection has to pass through the primary; undefined where none is set. */
function optionForHandoff(settings: Settings): string | undefined {
  if (settings.proxyProtocol !== undefined) return 'proxyProtocol'
  return countingOption(settings) ?? (settings.balance === 'address' ? undefined : `balance: '${settings.balance}'`)
}

/** @returns the reason, where kernel steering does not work here */
async function tryKernel(
  settings: Settings,
  { libc, reason }: { libc?: Libc | undefined; reason: string },
  table: SlotTable,
  events: SteeringEvents,
  passed: PassedSockets,
  world: World,
): Promise<KernelSteering | string> {
  const option = optionForHandoff(settings)
  if (option !== undefined) return `${option} needs the primary to see each connection`
  if (libc === undefined) return reason
  // Loaded here, because hand-off is the default and needs none of it.
  const { openKernelSteering } = await import('./kernel/open-kernel-steering.ts')
  return openKernelSteering(settings, libc, table, events, passed, world)
}
