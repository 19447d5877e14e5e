// Starts the load generator and sends tasks to it.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Outcome, Task } from '../load/load.ts'

/** A load generator process; it does one task at a time. */
export class Generator {
  readonly #child: ChildProcess = fork(new URL('../load/generator.js', import.meta.url))

  async run(task: Task): Promise<Outcome> {
    this.#child.send(task)
    // When one of the two events comes, this removes the listeners for the other.
    const over = new AbortController()
    const { signal } = over
    const [answer] = (await Promise.race([
      once(this.#child, 'message', { signal }),
      once(this.#child, 'exit', { signal }).then(([code, name]) => {
        throw new Error(`the load generator ended with ${code ?? name}`)
      }),
    ]).finally(() => over.abort())) as [{ outcome?: Outcome; error?: string }]
    if (answer.outcome === undefined) throw new Error(answer.error)
    return answer.outcome
  }

  /** Ends the load generator with all its connections. */
  stop(): void {
    this.#child.kill('SIGKILL')
  }
}
