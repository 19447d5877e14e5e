// What comes from the primary becomes connections of the application's server: also what came before the server was there.
import type { Server } from 'node:net'
import type { PrimaryChannel } from '../ipc/channel.ts'
import type { Registration } from '../ipc/messages.ts'
import { sendToPrimary } from '../ipc/send.ts'
import { receive } from '../transport/choose.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'
import type { ReceiverEvents } from '../transport/transport.ts'
import { endReporter, whenClosed } from '../worker/connection-ends.ts'
import { attach, type TakeFunction } from './attach.ts'

export interface Intake {
  /** Connections taken so far. */
  readonly served: number
  /** Resolves when nothing will follow. */
  readonly end: Promise<void>
  /** For what comes in by another way. */
  accept(handle: TcpHandle, metadata?: Buffer): void
  /**
   * The server gets what came, and what comes.
   *
   * @param onclose - the application called `server.close()`
   * @throws StickyError HOLDFAST_TARGET_LISTENS
   */
  attach(server: Server, onclose: () => void): void
  /** Nothing is waited for any more. */
  stop(): void
}

/** @param listeners - takes listening sockets, in kernel steering */
export function intake(
  { transport, countEnds, address }: Registration,
  channel: PrimaryChannel,
  listeners: NonNullable<ReceiverEvents['onSlotSockets']> = () => {},
): Intake {
  const early: Parameters<TakeFunction>[] = []
  let take: TakeFunction = (...connection) => void early.push(connection)
  let served = 0
  const ends = endReporter((seqs) => sendToPrimary({ type: 'connections-ended', seqs }))
  let stop = (): void => {}
  const end = new Promise<void>((done) => (stop = done))

  function accept(handle: TcpHandle, metadata?: Buffer): void {
    served++
    give(handle, metadata)
  }

  /** What a listener of the application throws is not to lose the connections that came with this one. */
  function give(...connection: Parameters<TakeFunction>): void {
    try {
      take(...connection)
    } catch (error) {
      process.nextTick(() => {
        throw error
      })
    }
  }

  receive(transport, channel, {
    onConnection(handle, seq, metadata) {
      if (countEnds) whenClosed(handle, () => ends.add(seq))
      accept(handle, metadata)
    },
    onSlotSockets: listeners,
    onEnd: () => stop(),
  })

  return {
    get served() {
      return served
    },
    end,
    accept,
    attach(server, onclose) {
      take = attach(server, address, onclose)
      for (const connection of early.splice(0)) give(...connection)
    },
    stop: () => stop(),
  }
}
