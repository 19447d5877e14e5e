// How many servers there are: Socket.IO asks after each broadcast that wants answers from clients, and looks at no error of
// it. One such as that Redis is away would end the worker.

interface Counting {
  broadcastWithAck(...args: unknown[]): unknown
  serverCount(): Promise<number>
}

/** Where the number is not to be had, the broadcast has its timeout: what answered by then comes along with the error. */
export function countSafely(adapter: unknown): void {
  const counting = adapter as Counting
  const broadcastWithAck = counting.broadcastWithAck.bind(counting)
  const serverCount = counting.serverCount.bind(counting)
  // The adapter asks too, for questions of its own, and tells of errors.
  let isBroadcast = false
  counting.broadcastWithAck = (...args) => {
    isBroadcast = true
    // Socket.IO asks in the same turn.
    queueMicrotask(() => (isBroadcast = false))
    return broadcastWithAck(...args)
  }
  counting.serverCount = () => {
    const count = serverCount()
    const isForBroadcast = isBroadcast
    isBroadcast = false
    return isForBroadcast ? count.catch(() => new Promise<never>(() => {})) : count
  }
}
