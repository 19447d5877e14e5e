// The bench's end of the load generator.
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Outcome, Task } from '../load/load.ts'

/** A load generator process; it does one task at a time. */
export class Generator {
  readonly #child: ChildProcess = fork(new URL('../load/generator.js', import.meta.url))

  async run(task: Task): Promise<Outcome> {
    this.#child.send(task)
    const [answer] = (await Promise.race([
      once(this.#child, 'message'),
      once(this.#child, 'exit').then(([code, signal]) => {
        throw new Error(`the load generator ended with ${code ?? signal}`)
      }),
    ])) as [{ outcome?: Outcome; error?: string }]
    if (answer.outcome === undefined) throw new Error(answer.error)
    return answer.outcome
  }

  /** Ends it and with it whatever it holds open. */
  stop(): void {
    this.#child.kill('SIGKILL')
  }
}
