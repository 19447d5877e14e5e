import t from 'tap'
import { rolling } from '../../src/supervisor/rolling.ts'

/** Simulated replacements that end when the test ends them. */
function stage() {
  const running: { id: number; done(): void; fail(error: Error): void }[] = []
  const begun: number[] = []
  const replace = ({ id }: { id: number }) =>
    new Promise<void>((done, fail) => {
      begun.push(id)
      running.push({ id, done, fail })
    })
  return { running, begun, replace }
}

const workers = (n: number) => Array.from({ length: n }, (_, id) => ({ id }))
const turn = () => new Promise((done) => setImmediate(done))

t.test('replacements run one after the other', async (t) => {
  const { running, begun, replace } = stage()
  const all = rolling(workers(3), 1, replace)
  for (let n = 1; n <= 3; n++) {
    await turn()
    t.equal(begun.length, n)
    running.shift()!.done()
  }
  await all
  t.strictSame(begun, [0, 1, 2])
})

t.test('several replacements run at a time; the next one starts as soon as one is done', async (t) => {
  const { running, begun, replace } = stage()
  const all = rolling(workers(4), 2, replace)
  await turn()
  t.strictSame(begun, [0, 1])
  running[1]!.done()
  await turn()
  t.strictSame(begun, [0, 1, 2])
  for (const { done } of running) done()
  await turn()
  for (const { done } of running) done()
  await all
})

t.test('the first failure stops further replacements, running ones finish, and the error says why', async (t) => {
  const { running, begun, replace } = stage()
  const all = rolling(workers(4), 2, replace)
  let settled = false
  all.catch(() => {}).finally(() => (settled = true))
  await turn()
  running[0]!.fail(new Error('SyntaxError: oops'))
  await turn()
  t.equal(settled, false)
  running[1]!.done()
  await t.rejects(all, {
    code: 'HOLDFAST_RELOAD_FAILED',
    message: 'the new program did not get ready: worker 0 keeps its old process: SyntaxError: oops',
  })
  t.strictSame(begun, [0, 1])
})
