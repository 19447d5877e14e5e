import t from 'tap'
import { QueueTimeouts } from '../../../src/steering/kernel/queue-timeouts.ts'

/** Two slots, slot n of worker n, and their queues: whoever waits there, by the time at which he came. */
function stage(holdTimeout: number) {
  const queues: number[][] = [[], []]
  const overdue: [worker: number, now: number][] = []
  const refused: [slot: number, waited: number][] = []
  let now = 0
  const absences = new QueueTimeouts(holdTimeout, {
    overdue: (worker) => overdue.push([worker, now]),
    isWaiting: (worker, slot) => worker === slot,
    expired(slot, count) {
      const gone = queues[slot]!.splice(0, count)
      for (const came of gone) refused.push([slot, now - came])
      return gone.length
    },
  })
  const look = (at: number) => {
    now = at
    absences.look(
      queues.map(({ length }) => length),
      at,
    )
  }
  return { absences, queues, overdue, refused, look }
}

t.test('what waits for an absent worker is refused after the time to wait, each in its turn', async (t) => {
  const { absences, queues, refused, look } = stage(100)
  absences.begin(0, 0)
  for (let now = 0; now <= 400; now += 20) {
    if (now <= 200) queues[0]!.push(now)
    look(now)
  }
  t.equal(refused.length, 11)
  for (const [, waited] of refused) t.ok(waited >= 100 && waited <= 120, `it waited for ${waited} ms`)
  t.strictSame(queues[0], [])
})

t.test('who was refused is not counted again, so that nobody who came later is refused instead', async (t) => {
  const { absences, queues, refused, look } = stage(100)
  absences.begin(0, 0)
  queues[0]!.push(0, 0, 0)
  for (const now of [0, 50]) look(now)
  queues[0]!.push(60)
  for (const now of [100, 150]) look(now)
  t.strictSame(refused, [
    [0, 100],
    [0, 100],
    [0, 100],
  ])
  look(200)
  t.strictSame(refused.at(-1), [0, 140])
})

t.test('a worker is overdue from then on, at every look, until it is back', async (t) => {
  const { absences, overdue, look } = stage(100)
  absences.begin(1, 0)
  for (const now of [50, 100, 150]) look(now)
  absences.end(1)
  look(200)
  t.strictSame(overdue, [
    [1, 100],
    [1, 150],
  ])
})

t.test('nothing is refused that waits for somebody else', async (t) => {
  const { absences, queues, refused, look } = stage(100)
  absences.begin(0, 0)
  queues[1]!.push(0)
  for (const now of [0, 100, 200, 300]) look(now)
  t.strictSame([refused, queues[1]], [[], [0]])
})
