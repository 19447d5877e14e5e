import * as fc from 'fast-check'
import t from 'tap'
import type { AcceptedConnection } from '../../src/transport/transport.ts'
import { Unacknowledged, type Acknowledged } from '../../src/transport/unacknowledged.ts'

const connection = () => ({}) as AcceptedConnection

/** Sent connections under their numbers, oldest first; numbers that are about to wrap now and then. */
const sent = fc
  .record({ first: fc.constantFrom(0, 1, 1000, 2 ** 31, 2 ** 32 - 3, 2 ** 32 - 1), count: fc.nat({ max: 12 }) })
  .map(({ first, count }) => {
    const queue = new Unacknowledged(first)
    const list = Array.from({ length: count }, connection).map((one) => ({ one, seq: queue.add(one) }))
    return { queue, list, first }
  })
const some = sent.filter(({ list }) => list.length > 0)

const are = (got: AcceptedConnection[], list: { one: AcceptedConnection }[]) =>
  got.length === list.length && got.every((one, i) => one === list[i]?.one)

t.test('numbers count up by one, as uint32, and stand on the connection', async () => {
  fc.assert(
    fc.property(sent, ({ queue, list, first }) => {
      const numbered = list.every(({ one, seq }, i) => seq === (first + i) % 2 ** 32 && one.seq === seq)
      return numbered && queue.size === list.length && queue.next === (first + list.length) % 2 ** 32
    }),
  )
})

t.test('what arrived is taken, and what was sent before it and not acknowledged is lost', async () => {
  fc.assert(
    fc.property(some, fc.nat(), ({ queue, list }, which) => {
      const i = which % list.length
      const { taken, lost } = queue.arrived(list[i]!.seq)
      return are(taken, [list[i]!]) && are(lost, list.slice(0, i)) && queue.size === list.length - i - 1
    }),
  )
})

t.test('one acknowledgement covers a batch: all up to its number arrived, but for the last so many', async () => {
  fc.assert(
    fc.property(some, fc.nat(), fc.nat({ max: 14 }), ({ queue, list }, which, missing) => {
      const upTo = list.slice(0, (which % list.length) + 1)
      const { taken, lost } = queue.arrivedThrough(upTo.at(-1)!.seq, missing)
      const arrived = Math.max(0, upTo.length - missing)
      return are(taken, upTo.slice(0, arrived)) && are(lost, upTo.slice(arrived))
    }),
  )
})

t.test('what the worker is past was lost', async () => {
  fc.assert(
    fc.property(some, fc.nat(), ({ queue, list }, which) => {
      const i = which % list.length
      const { taken, lost } = queue.past(list[i]!.seq)
      return taken.length === 0 && are(lost, list.slice(0, i + 1))
    }),
  )
})

t.test('a number that is not waiting for an answer changes nothing', async () => {
  fc.assert(
    fc.property(sent, fc.nat({ max: 2 ** 32 - 1 }), ({ queue, list }, seq) => {
      fc.pre(list.every((entry) => entry.seq !== seq))
      const none = ({ taken, lost }: Acknowledged) => taken.length + lost.length === 0
      return (
        none(queue.arrived(seq)) &&
        none(queue.arrivedThrough(seq, 1)) &&
        none(queue.past(seq)) &&
        are(queue.clear(), list)
      )
    }),
  )
  // Also the numbers next to those that wait, and those that were answered before.
  fc.assert(
    fc.property(some, ({ queue, list, first }) => {
      const [oldest] = list
      queue.arrived(oldest!.seq)
      for (const seq of [oldest!.seq, (first + 2 ** 32 - 1) % 2 ** 32, queue.next]) {
        const { taken, lost } = queue.arrived(seq)
        if (taken.length + lost.length > 0) return false
      }
      return queue.size === list.length - 1
    }),
  )
})

t.test('whatever happens, each connection comes back exactly once, and in order', async () => {
  const steps = fc.array(
    fc.record({
      what: fc.constantFrom('add', 'arrived', 'through', 'past'),
      which: fc.nat(),
      lost: fc.nat({ max: 3 }),
    }),
    { maxLength: 60 },
  )
  fc.assert(
    fc.property(steps, fc.constantFrom(0, 2 ** 32 - 5), (all, first) => {
      const queue = new Unacknowledged(first)
      const given: AcceptedConnection[] = []
      const back: AcceptedConnection[] = []
      for (const { what, which, lost } of all) {
        if (what === 'add') {
          given.push(connection())
          queue.add(given.at(-1)!)
        } else if (queue.size > 0) {
          const seq = (queue.next - 1 - (which % queue.size) + 2 ** 32) % 2 ** 32
          if (what === 'arrived') {
            const answer = queue.arrived(seq)
            back.push(...answer.lost, ...answer.taken)
          } else {
            const answer = what === 'past' ? queue.past(seq) : queue.arrivedThrough(seq, lost)
            back.push(...answer.taken, ...answer.lost)
          }
        }
      }
      back.push(...queue.clear())
      return queue.size === 0 && back.length === given.length && back.every((one, i) => one === given[i])
    }),
  )
})

t.test('after everything was taken out the numbers go on', async (t) => {
  const queue = new Unacknowledged()
  const [a, b, c] = [connection(), connection(), connection()]
  queue.add(a)
  queue.add(b)
  t.strictSame(queue.clear(), [a, b])
  t.equal(queue.add(c), 2)
  t.strictSame(queue.arrived(1), { taken: [], lost: [] }, 'an answer that comes late means nobody')
  t.equal(queue.arrived(2).taken[0], c)
})
