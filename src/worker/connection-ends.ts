// Tells the primary which connections ended, in batches, for the limits on open connections.
import type { TcpHandle } from '../native/tcp-handle.ts'

/** Calls back when the descriptor is given up: whatever kind of server has it, this is what all of them end with. */
export function whenClosed(handle: TcpHandle, ended: () => void): void {
  const close = handle.close.bind(handle)
  handle.close = (done) => {
    handle.close = close
    ended()
    close(done)
  }
}

/** Collects what ends in one turn of the loop into one message. */
export function endReporter(report: (numbers: number[]) => void): { add(seq: number): void } {
  let numbers: number[] = []
  return {
    add(seq) {
      if (numbers.length === 0) {
        setImmediate(() => {
          const some = numbers
          numbers = []
          report(some)
        })
      }
      numbers.push(seq)
    },
  }
}
