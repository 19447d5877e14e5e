// What this tab wrote and has not been confirmed yet. Sent in order, one at a time, again after a lost connection: the
// id that a message keeps lets the server tell a second sending from a second message.

/** Milliseconds for an answer, before the message is sent again. */
const TIMEOUT = 5_000

export class Outbox {
  #waiting = []
  #busy = false
  #send
  #on

  /**
   * @param send - gets a message and the time for it; resolves with the reply, undefined when there is none
   * @param on - `confirmed(message)`, `refused(id, reason)`
   */
  constructor(send, on) {
    this.#send = send
    this.#on = on
  }

  get size() {
    return this.#waiting.length
  }

  add(message) {
    this.#waiting.push(message)
    void this.flush()
  }

  /** It is known to have arrived: somebody else's history had it. */
  settle(id) {
    this.#waiting = this.#waiting.filter((message) => message.id !== id)
  }

  /** To be called whenever there may be a connection again. */
  async flush() {
    if (this.#busy) return
    this.#busy = true
    while (this.#waiting.length > 0) {
      const [message] = this.#waiting
      const reply = await this.#send(message, TIMEOUT)
      if (reply === undefined) break
      if (reply.problem === 'too-fast') {
        await new Promise((done) => setTimeout(done, reply.retryAfter))
        continue
      }
      this.settle(message.id)
      if (reply.ok) this.#on.confirmed(reply.message)
      else this.#on.refused(message.id, reply.reason)
    }
    this.#busy = false
  }
}
