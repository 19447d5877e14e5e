// The end of a child process: Node tells of it in three ways, and one of them comes.
import type { ChildProcess } from 'node:child_process'
import type { World } from '../world.ts'

export interface ChildEndEvents {
  /** What Node reports of the child, also while it lives: that it could not be started, signalled or written to. */
  failed(message: string): void
  /** Nothing more will come from the child. Called once; code and signal are both null where the child never ran. */
  ended(code: number | null, signal: NodeJS.Signals | null): void
}

/** Milliseconds after 'exit' in which 'close' must come; a grandchild may keep the channel open. */
const CLOSE_TIMEOUT = 1_000

export function watchChildEnd(child: ChildProcess, world: World, on: ChildEndEvents): void {
  let isOver = false
  const ended = (code: number | null, signal: NodeJS.Signals | null): void => {
    if (isOver) return
    isOver = true
    on.ended(code, signal)
  }
  // Not at 'exit': acknowledgements that the worker sent before it died may still be unread then, and a connection
  // that the worker had taken must not be given to another one. 'close' comes after the end of the channel.
  child.once('close', ended)
  child.once('exit', (code, signal) => {
    world.setTimeout(() => ended(code, signal), CLOSE_TIMEOUT).unref()
  })
  // Without 'exit': the process could not be started at all (out of processes or memory).
  child.on('error', (error) => {
    on.failed(error.message)
    if (child.pid === undefined) ended(null, null)
  })
}
