import * as fc from 'fast-check'
import t from 'tap'
import type { AcceptedConnection } from '../../src/transport/transport.ts'
import { Unacknowledged, type Answered } from '../../src/transport/unacknowledged.ts'

const connection = () => ({}) as AcceptedConnection

/** Sent connections with their sequence numbers, oldest first; some of the numbers are about to wrap. */
const sent = fc
  .record({ first: fc.constantFrom(0, 1, 1000, 2 ** 31, 2 ** 32 - 3, 2 ** 32 - 1), count: fc.nat({ max: 12 }) })
  .map(({ first, count }) => {
    const queue = new Unacknowledged(first)
    const list = Array.from({ length: count }, connection).map((one) => ({ one, seq: queue.add(one) }))
    return { queue, list, first }
  })
const someSent = sent.filter(({ list }) => list.length > 0)

const equals = (actual: AcceptedConnection[], expected: { one: AcceptedConnection }[]) =>
  actual.length === expected.length && actual.every((one, i) => one === expected[i]?.one)

t.test('sequence numbers count up by one, as uint32, and are written to the connection', async () => {
  fc.assert(
    fc.property(sent, ({ queue, list, first }) => {
      const numbered = list.every(({ one, seq }, i) => seq === (first + i) % 2 ** 32 && one.seq === seq)
      return numbered && queue.size === list.length && queue.next === (first + list.length) % 2 ** 32
    }),
  )
})

t.test(
  'an acknowledgement of one connection means that those sent before it and not acknowledged did not arrive',
  async () => {
    fc.assert(
      fc.property(someSent, fc.nat(), ({ queue, list }, which) => {
        const i = which % list.length
        const { acknowledged, undelivered } = queue.acknowledge(list[i]!.seq)
        return (
          equals(acknowledged, [list[i]!]) &&
          equals(undelivered, list.slice(0, i)) &&
          queue.size === list.length - i - 1
        )
      }),
    )
  },
)

t.test('a receipt acknowledges all connections up to its number, without the last ones that it names', async () => {
  fc.assert(
    fc.property(someSent, fc.nat(), fc.nat({ max: 14 }), ({ queue, list }, which, missing) => {
      const upTo = list.slice(0, (which % list.length) + 1)
      const { acknowledged, undelivered } = queue.acknowledgeThrough(upTo.at(-1)!.seq, missing)
      const arrived = Math.max(0, upTo.length - missing)
      return equals(acknowledged, upTo.slice(0, arrived)) && equals(undelivered, upTo.slice(arrived))
    }),
  )
})

t.test('connections that the worker has missed did not arrive', async () => {
  fc.assert(
    fc.property(someSent, fc.nat(), ({ queue, list }, which) => {
      const i = which % list.length
      const { acknowledged, undelivered } = queue.missThrough(list[i]!.seq)
      return acknowledged.length === 0 && equals(undelivered, list.slice(0, i + 1))
    }),
  )
})

t.test('a sequence number that waits for no answer changes nothing', async () => {
  fc.assert(
    fc.property(sent, fc.nat({ max: 2 ** 32 - 1 }), ({ queue, list }, seq) => {
      fc.pre(list.every((entry) => entry.seq !== seq))
      const isEmpty = ({ acknowledged, undelivered }: Answered) => acknowledged.length + undelivered.length === 0
      return (
        isEmpty(queue.acknowledge(seq)) &&
        isEmpty(queue.acknowledgeThrough(seq, 1)) &&
        isEmpty(queue.missThrough(seq)) &&
        equals(queue.clear(), list)
      )
    }),
  )
  // Nor do the numbers beside those that wait, and those that were answered before.
  fc.assert(
    fc.property(someSent, ({ queue, list, first }) => {
      const [oldest] = list
      queue.acknowledge(oldest!.seq)
      for (const seq of [oldest!.seq, (first + 2 ** 32 - 1) % 2 ** 32, queue.next]) {
        const { acknowledged, undelivered } = queue.acknowledge(seq)
        if (acknowledged.length + undelivered.length > 0) return false
      }
      return queue.size === list.length - 1
    }),
  )
})

t.test('with any sequence of answers, each connection comes back exactly once, and in order', async () => {
  const steps = fc.array(
    fc.record({
      what: fc.constantFrom('add', 'acknowledge', 'acknowledgeThrough', 'missThrough'),
      which: fc.nat(),
      undelivered: fc.nat({ max: 3 }),
    }),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(steps, fc.constantFrom(0, 2 ** 32 - 5), (all, first) => {
      const queue = new Unacknowledged(first)
      const given: AcceptedConnection[] = []
      const back: AcceptedConnection[] = []
      for (const { what, which, undelivered } of all) {
        if (what === 'add') {
          given.push(connection())
          queue.add(given.at(-1)!)
        } else if (queue.size > 0) {
          const seq = (queue.next - 1 - (which % queue.size) + 2 ** 32) % 2 ** 32
          if (what === 'acknowledge') {
            const answer = queue.acknowledge(seq)
            back.push(...answer.undelivered, ...answer.acknowledged)
          } else {
            const answer = what === 'missThrough' ? queue.missThrough(seq) : queue.acknowledgeThrough(seq, undelivered)
            back.push(...answer.acknowledged, ...answer.undelivered)
          }
        }
      }
      back.push(...queue.clear())
      return queue.size === 0 && back.length === given.length && back.every((one, i) => one === given[i])
    }),
  )
})

t.test('clear() takes out all connections, and the sequence numbers go on', async (t) => {
  const queue = new Unacknowledged()
  const [a, b, c] = [connection(), connection(), connection()]
  queue.add(a)
  queue.add(b)
  t.strictSame(queue.clear(), [a, b])
  t.equal(queue.add(c), 2)
  t.strictSame(queue.acknowledge(1), { acknowledged: [], undelivered: [] }, 'an answer to a cleared connection')
  t.equal(queue.acknowledge(2).acknowledged[0], c)
})
