import t from 'tap'
import { Crew } from '../../src/supervisor/worker-pool.ts'
import type { WorkerProcess } from '../../src/supervisor/worker-process.ts'
import type { WorkerState } from '../../src/supervisor/worker-state.ts'

const inState = (state: WorkerState) => ({ state }) as WorkerProcess

function crewOf(workers: number, standbys: number): Crew {
  const crew = new Crew()
  for (let n = 0; n < workers; n++) crew.addWorker()
  for (let n = 0; n < standbys; n++) crew.addStandby()
  return crew
}

t.test('an id tells whose process it is, a worker or a standby', async (t) => {
  const crew = crewOf(3, 2)
  t.strictSame(
    crew.all.map(({ id }) => id),
    [0, 1, 2, -1, -2],
  )
  for (const member of crew.all) t.equal(crew.memberOf({ id: member.id }), member)
  t.equal(crew.memberOf({ id: 3 }), undefined)
  t.equal(crew.memberOf({ id: -3 }), undefined)
})

t.test('who serves is ready now', async (t) => {
  const crew = crewOf(2, 0)
  t.equal(crew.isServing, false)
  for (const state of ['starting', 'draining', 'stopping', 'gone'] as const) {
    crew.workers[1]!.current = inState(state)
    t.strictSame([crew.serves(1), crew.isServing], [false, false], state)
  }
  crew.workers[1]!.current = inState('ready')
  t.strictSame([crew.serves(0), crew.serves(1), crew.serves(2), crew.isServing], [false, true, false, true])
})

t.test('a standby can take over when it is ready, and serves as nobody until then', async (t) => {
  const crew = crewOf(1, 3)
  t.strictSame([crew.standby, crew.readyStandby], [0, undefined])
  crew.standbys[0]!.current = inState('starting')
  crew.standbys[1]!.current = crew.standbys[2]!.current = inState('ready')
  t.strictSame([crew.standby, crew.readyStandby?.id, crew.isServing], [2, -2, false])
})

t.test('a worker is missing when no process is its own, nor gets ready to be', async (t) => {
  const crew = crewOf(2, 1)
  t.equal(crew.missing?.id, 0)
  crew.workers[0]!.next = inState('starting')
  t.equal(crew.missing?.id, 1)
  crew.workers[1]!.current = inState('draining')
  t.equal(crew.missing, undefined)
})

t.test('the last ones go first, and their ids come again', async (t) => {
  const crew = crewOf(4, 0)
  t.strictSame(
    crew.cut(2).map(({ id }) => id),
    [2, 3],
  )
  t.equal(crew.addWorker().id, 2)
})
