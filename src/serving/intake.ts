// What comes from the primary becomes connections of the application's server: also what came before the server was there.
import type { Server } from 'node:net'
import { deferred } from '../async/deferred.ts'
import { EndOfTurn } from '../async/end-of-turn.ts'
import type { Registration } from '../ipc/messages.ts'
import { sendToPrimary } from '../ipc/send.ts'
import { receive } from '../transport/receive.ts'
import type { TcpHandle } from '../native/tcp-handle.ts'
import type { ReceiverEvents } from '../transport/transport.ts'
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
  listeners: NonNullable<ReceiverEvents['listeners']> = () => {},
): Intake {
  const early: Parameters<TakeFunction>[] = []
  let take: TakeFunction = (...connection) => void early.push(connection)
  let served = 0
  const ends = endReporter((numbers) => sendToPrimary({ type: 'ended', numbers }))
  const end = deferred()

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

  receive(transport, {
    connection(handle, seq, metadata) {
      if (countEnds) whenClosed(handle, () => ends.add(seq))
      accept(handle, metadata)
    },
    listeners,
    end: () => end.resolve(),
  })

  return {
    get served() {
      return served
    },
    end: end.promise,
    accept,
    attach(server, onclose) {
      take = attach(server, address, onclose)
      for (const connection of early.splice(0)) give(...connection)
    },
    stop: () => end.resolve(),
  }
}

/** Calls back when the descriptor is given up: whatever kind of server has it, this is what all of them end with. */
function whenClosed(handle: TcpHandle, ended: () => void): void {
  const close = handle.close.bind(handle)
  handle.close = (done) => {
    handle.close = close
    ended()
    close(done)
  }
}

/** Collects what ends in one turn of the loop into one message. */
function endReporter(report: (numbers: number[]) => void): { add(seq: number): void } {
  let numbers: number[] = []
  const endOfTurn = new EndOfTurn(() => {
    const some = numbers
    numbers = []
    report(some)
  })
  return {
    add(seq) {
      numbers.push(seq)
      endOfTurn.schedule()
    },
  }
}
