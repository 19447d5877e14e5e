// The other hosts that a bridge knows, each with the nodes of its workers. The workers here hear of those nodes as if they
// were at home: serverCount(), fetchSockets() and acknowledgements wait for who is there, and for nobody else.
import { goodbye, Nodes, present, type AdapterMessage } from '../adapter-message.ts'

export interface HostsEvents {
  /** For the workers here. */
  deliver(message: AdapterMessage): void
  joined(name: string): void
  left(name: string, reason: string): void
}

interface Host {
  name: string
  nodes: Nodes
}

export class Hosts {
  readonly #events: HostsEvents
  readonly #hosts = new Map<string, Host>()

  constructor(events: HostsEvents) {
    this.#events = events
  }

  get ids(): string[] {
    return [...this.#hosts.keys()]
  }

  /** The host that has the node. */
  of(node: string): string | undefined {
    return this.ids.find((id) => this.#hosts.get(id)?.nodes.has(node) === true)
  }

  /** A host's nodes said something. */
  heard(id: string, name: string, messages: readonly AdapterMessage[]): void {
    const { nodes } = this.#welcome(id, name)
    for (const message of messages) {
      nodes.learn(message)
      this.#events.deliver(message)
    }
  }

  /** A host tells which nodes it has: these, and no others. */
  meet(id: string, name: string, told: readonly [uid: string, nsp: string][]): void {
    const { nodes } = this.#welcome(id, name)
    const there = new Map(told)
    const missing = [...nodes].filter(([uid]) => !there.has(uid)).map(([uid, nsp]) => goodbye(uid, nsp))
    this.heard(id, name, [...missing, ...[...there].map(([uid, nsp]) => present(uid, nsp))])
  }

  /** Nobody here is to wait for its answers. */
  leave(id: string, reason: string): void {
    const name = this.#forget(id)
    if (name !== undefined) this.#events.left(name, reason)
  }

  /** All of them are out of reach, for a reason that is known. */
  clear(): void {
    for (const id of this.ids) this.#forget(id)
  }

  #welcome(id: string, name: string): Host {
    const known = this.#hosts.get(id)
    if (known !== undefined) return known
    const host = { name, nodes: new Nodes() }
    this.#hosts.set(id, host)
    this.#events.joined(name)
    return host
  }

  #forget(id: string): string | undefined {
    const host = this.#hosts.get(id)
    this.#hosts.delete(id)
    for (const [uid, nsp] of host?.nodes ?? []) this.#events.deliver(goodbye(uid, nsp))
    return host?.name
  }
}
