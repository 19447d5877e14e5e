// The bus through the primary: for the workers of one machine. All such buses of a worker share one hub.
import { Reader } from '../options/reader.ts'
import { workerSetup } from '../ipc/role.ts'
import { processRuntime } from '../runtime.ts'
import type { Bus } from './bus.ts'
import { Hub, type HubRuntime } from './hub.ts'
import { IpcCarrier, SLOW, type IpcSettings } from './ipc-carrier.ts'
import { openLocal } from './local-bus.ts'
import { openBus } from './open-bus.ts'
import { MAX_BUFFERED } from './record-queue.ts'

/** Options of {@link ipcBus}. The first such bus of a process sets them for all. */
export interface IpcBusOptions {
  /**
   * Bytes of messages that wait at most, from 1024 to 2 ** 32 - 1: in this worker for the primary, and in the primary
   * for this worker. Messages beyond that are counted in `lost` here, and in `missed` there.
   * @default 8 MiB
   */
  maxBuffered?: number
  /**
   * What the primary does when this worker is so slow that more would wait. 'drop-oldest': it drops the oldest
   * messages. 'disconnect': it drops all messages and tells this bus, which is not `connected` until it has joined
   * again. Dropped messages are counted in `missed`.
   * @default 'drop-oldest'
   */
  slow?: 'drop-oldest' | 'disconnect'
}

/**
 * A bus through the primary; in a process that is no worker, a local one.
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
    // A join record has 32 bits for it.
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
