// The bus through the primary: for the workers of one machine. All such buses of a worker are one.
import { Reader } from '../options/reader.ts'
import { workerSetup } from '../ipc/role.ts'
import { processRuntime } from '../runtime.ts'
import type { Bus } from './bus.ts'
import { Hub, type HubRuntime } from './hub.ts'
import { IpcCarrier, SLOW, type IpcSettings } from './ipc-carrier.ts'
import { openLocal } from './local-bus.ts'
import { openBus } from './open-bus.ts'
import { MAX_BUFFERED } from './record-queue.ts'

/** Options of {@link ipcBus}. The first such bus of a process decides. */
export interface IpcBusOptions {
  /**
   * Bytes of messages that wait at most: here for the primary, and there for this worker.
   * @default 8 MiB
   */
  maxBuffered?: number
  /**
   * What the primary does when this worker is so slow that more would wait. 'drop-oldest': leaves the oldest out.
   * 'disconnect': leaves all out and tells this bus, which is not `connected` until it has joined again. Both are counted
   * as `missed`.
   * @default 'drop-oldest'
   */
  slow?: 'drop-oldest' | 'disconnect'
}

/**
 * A bus through the primary. In a process that is no worker there is nobody else: then it is a local one.
 *
 * @throws TypeError or RangeError with code HOLDFAST_BAD_OPTION
 */
export function ipcBus(options?: IpcBusOptions): Bus {
  const read = new Reader('ipcBus options', options)
  const settings = readIpc(read)
  read.done()
  return openIpc(settings, 'ipcBus() was asked for', processRuntime)
}

export function readIpc(read: Reader): IpcSettings {
  return {
    // The primary is told in 32 bits.
    maxBuffered: read.integer('maxBuffered', { min: 1024, max: 0xffff_ffff, fallback: MAX_BUFFERED }),
    slow: read.oneOf('slow', SLOW, 'drop-oldest'),
  }
}

let hub: Hub | undefined

export function openIpc(settings: IpcSettings, reason: string, runtime: HubRuntime): Bus {
  const setup = workerSetup()
  if (setup === undefined) return openLocal('this process is not a worker', runtime)
  return openBus((hub ??= new Hub(runtime, (events) => new IpcCarrier(setup, settings, events))), reason)
}
