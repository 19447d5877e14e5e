// What keeps a worker process running. Under the command that is the program, as it would be alone: a process with
// nothing left to do ends, and Holdfast's channel to the primary keeps no process running.

export class ProcessLife {
  /** Called when the program has nothing left to do. */
  onIdle: () => void = () => {}
  #followsProgram = false
  #isNeeded = true
  #isBusy = false

  /**
   * From now on the process runs as long as the program needs it.
   *
   * @param isNeeded - whether a server that listens keeps the process running
   */
  followProgram(isNeeded: boolean): void {
    if (!this.#followsProgram) process.on('beforeExit', () => this.onIdle())
    this.#followsProgram = true
    this.#isNeeded = isNeeded
    this.#update()
  }

  /** Waits for the work, and keeps the process running meanwhile. */
  async during(work: Promise<unknown>): Promise<void> {
    this.#isBusy = true
    this.#update()
    await work
    this.#isBusy = false
    this.#update()
  }

  /**
   * Waits for the work. Where the process follows the program, waits no longer than the program has something left to do:
   * a connection that the program does not read keeps a process running neither here nor alone.
   */
  async untilIdle(work: Promise<unknown>): Promise<void> {
    if (!this.#followsProgram) return void (await work)
    let onIdle = (): void => {}
    const idle = new Promise<void>((done) => (onIdle = done))
    process.once('beforeExit', onIdle)
    this.followProgram(false)
    await Promise.race([work, idle])
    process.off('beforeExit', onIdle)
    this.followProgram(true)
  }

  #update(): void {
    if (!this.#followsProgram) return
    if (this.#isNeeded || this.#isBusy) process.channel?.ref()
    else process.channel?.unref()
  }
}
