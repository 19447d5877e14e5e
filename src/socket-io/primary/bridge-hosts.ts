// The other hosts that a bridge knows, each with the nodes of its workers. The workers of this host get heartbeats and
// goodbyes of those nodes as if they were local: so serverCount(), fetchSockets() and acknowledgements wait for all
// nodes that exist, and for no others.
import { goodbye, Nodes, present, type AdapterMessage } from '../adapter-message.ts'

export interface HostsEvents {
  /** A message for the workers of this host. */
  deliver(message: AdapterMessage): void
  /** Another host is connected. */
  joined(name: string): void
  /** Another host has left, or its connection is lost. */
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

  /** @returns id of the host that has the node */
  of(node: string): string | undefined {
    return this.ids.find((id) => this.#hosts.get(id)?.nodes.has(node) === true)
  }

  /** Messages of a host's nodes have arrived. */
  receive(id: string, name: string, messages: readonly AdapterMessage[]): void {
    const { nodes } = this.#known(id, name)
    for (const message of messages) {
      nodes.learn(message)
      this.#events.deliver(message)
    }
  }

  /** The complete list of a host's nodes has arrived. */
  update(id: string, name: string, list: readonly [uid: string, nsp: string][]): void {
    const { nodes } = this.#known(id, name)
    const current = new Map(list)
    const ended = [...nodes].filter(([uid]) => !current.has(uid)).map(([uid, nsp]) => goodbye(uid, nsp))
    this.receive(id, name, [...ended, ...[...current].map(([uid, nsp]) => present(uid, nsp))])
  }

  /** Removes a host: no worker waits for its answers any more. */
  leave(id: string, reason: string): void {
    const name = this.#forget(id)
    if (name !== undefined) this.#events.left(name, reason)
  }

  /** Removes all hosts, without an event for each. */
  clear(): void {
    for (const id of this.ids) this.#forget(id)
  }

  /** @returns the host, which joins here when it is new */
  #known(id: string, name: string): Host {
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
