// The messages of this tab that the server has not confirmed yet. They are sent in order, one at a time, and again
// after a lost connection. A message keeps its id, so that the server recognises one that is sent again.

/** Milliseconds without an answer after which a message is sent again. */
const TIMEOUT = 5_000

export class Outbox {
  #waiting = []
  #busy = false
  #send
  #on

  /**
   * @param send - sends a message, with a timeout; resolves with the reply, or undefined without a reply
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

  /** Removes a message that has arrived: the history of a worker contains it. */
  settle(id) {
    this.#waiting = this.#waiting.filter((message) => message.id !== id)
  }

  /** Sends the messages. Call it whenever the connection may be back. */
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
