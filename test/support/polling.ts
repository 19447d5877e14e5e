// A Socket.IO client that polls on given connections, and counts the status of each answer.
import http from 'node:http'

export interface PollingOptions {
  port: number
  /** Clients that share an agent share its connections; false: a new connection for each request. */
  agent: http.Agent | false
  /** Source address. */
  from?: string
}

/** Separates the packets of Engine.IO in one payload. */
const SEPARATOR = '\x1e'

export class Polling {
  /** Number of answers by status. */
  readonly statuses = new Map<number, number>()
  /** Pid of the worker that has the session. */
  pid = 0
  readonly #options: PollingOptions
  #sid: string | undefined
  #events: [name: string, ...args: unknown[]][] = []
  #acks = 0

  private constructor(options: PollingOptions) {
    this.#options = options
  }

  get sid(): string {
    return this.#sid ?? ''
  }

  /** Opens a session; resolves when the server has greeted the client. */
  static async open(options: PollingOptions): Promise<Polling> {
    const client = new Polling(options)
    const opened = await client.#request('GET')
    client.#sid = (JSON.parse(opened.slice(1)) as { sid: string }).sid
    await client.#request('POST', '40')
    const [, pid] = await client.next('hello')
    client.pid = pid as number
    return client
  }

  /** Polls until the next event of the name arrives; 'close' is the end of the session. */
  async next(name: string): Promise<[string, ...unknown[]]> {
    for (;;) {
      const at = this.#events.findIndex(([event]) => event === name)
      if (at >= 0) return this.#events.splice(at, 1)[0]!
      await this.#poll()
    }
  }

  /** Sends an event and waits for its acknowledgement. */
  async ask(name: string, ...args: unknown[]): Promise<unknown[]> {
    const id = this.#acks++
    await this.#request('POST', `42${id}${JSON.stringify([name, ...args])}`)
    const [, ...answer] = await this.next(`ack ${id}`)
    return answer
  }

  async say(name: string, ...args: unknown[]): Promise<void> {
    await this.#request('POST', `42${JSON.stringify([name, ...args])}`)
  }

  async #poll(): Promise<void> {
    for (const packet of (await this.#request('GET')).split(SEPARATOR)) {
      if (packet === '1') this.#events.push(['close'])
      if (packet === '2') await this.#request('POST', '3')
      const [, ack, json] = /^4(?:2|3(\d+))(\[.*)$/s.exec(packet) ?? []
      if (json === undefined) continue
      const args = JSON.parse(json) as [string, ...unknown[]]
      this.#events.push(ack === undefined ? args : [`ack ${ack}`, ...args])
    }
  }

  #request(method: string, body?: string): Promise<string> {
    const { port, agent, from } = this.#options
    const sid = this.#sid === undefined ? '' : `&sid=${this.#sid}`
    const path = `/socket.io/?EIO=4&transport=polling${sid}`
    const headers =
      body === undefined ? {} : { 'content-type': 'text/plain', 'content-length': Buffer.byteLength(body) }
    return new Promise((done, fail) => {
      const sending = http.request({
        host: '127.0.0.1',
        port,
        path,
        method,
        headers,
        agent,
        ...(from === undefined ? {} : { localAddress: from }),
      })
      sending.on('error', fail)
      sending.on('response', (response) => {
        const status = response.statusCode ?? 0
        this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => (text += chunk))
        response.on('error', fail)
        response.on('end', () => (status === 200 ? done(text) : fail(new Error(`${status}: ${text}`))))
      })
      sending.end(body)
    })
  }
}
