import t from 'tap'
import { changedBy, checkWorkerCount } from '../../src/options/worker-count.ts'

t.test('a number of workers is an integer from 1 to 256', async (t) => {
  for (const given of [1, 2, 256]) t.doesNotThrow(() => checkWorkerCount(given), String(given))
  for (const given of [0, -1, 257, 1.5, Number.NaN, Infinity, '2', null, undefined]) {
    const message = `scale: expected an integer from 1 to 256, got ${given === '2' ? "'2'" : given}; write scale(4)`
    t.throws(() => checkWorkerCount(given), { name: 'RangeError', code: 'HOLDFAST_BAD_OPTION', message })
  }
})

t.test('one more and one less stay within 1 and 256', async (t) => {
  t.strictSame([changedBy(1, 2), changedBy(-1, 2)], [3, 1])
  t.strictSame([changedBy(1, 256), changedBy(-1, 1)], [256, 1])
})
