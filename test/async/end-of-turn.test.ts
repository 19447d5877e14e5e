import t from 'tap'
import { EndOfTurn } from '../../src/async/end-of-turn.ts'

const turn = () => new Promise((done) => setImmediate(done))

t.test('work that is asked for twice in one turn is done once, at the end of the turn', async (t) => {
  let runs = 0
  const end = new EndOfTurn(() => runs++)
  end.schedule()
  end.schedule()
  t.equal(runs, 0)
  await turn()
  t.equal(runs, 1)
  end.schedule()
  await turn()
  t.equal(runs, 2)
})

t.test('cancelled work is left out, and can be scheduled again', async (t) => {
  let runs = 0
  const end = new EndOfTurn(() => runs++)
  end.schedule()
  end.cancel()
  await turn()
  t.equal(runs, 0)
  end.schedule()
  await turn()
  t.equal(runs, 1)
})
