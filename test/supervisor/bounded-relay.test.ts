import t from 'tap'
import { BoundedRelay } from '../../src/supervisor/bounded-relay.ts'

const MB = 1024 * 1024

/** A channel that takes all messages, and reports them as written when the test says so. */
function channel() {
  const through: (() => void)[] = []
  const sent: unknown[] = []
  const child = {
    connected: true,
    send(message: unknown, done: unknown) {
      sent.push(message)
      through.push(done as () => void)
      return true
    },
  }
  return { child, sent, through }
}

t.test('messages up to a limit may wait for a worker; further ones are dropped and counted', async (t) => {
  const { child, sent, through } = channel()
  const relay = new BoundedRelay(child)
  for (let n = 0; n < 5; n++) relay.relay(n, 8 * MB)
  t.strictSame(sent, [0, 1, 2, 3])
  t.equal(relay.dropped, 1)
  through[0]?.()
  relay.relay('there is room again', 8 * MB)
  t.equal(sent.at(-1), 'there is room again')
  t.equal(relay.dropped, 1)
})

t.test('a message to a worker that has gone is neither sent nor counted', async (t) => {
  const { child, sent } = channel()
  child.connected = false
  const relay = new BoundedRelay(child)
  relay.relay('anybody there?', 1)
  t.strictSame([sent, relay.dropped], [[], 0])
})
