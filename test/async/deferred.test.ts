import t from 'tap'
import { deferred } from '../../src/async/deferred.ts'

t.test('the promise resolves with the value that resolve() is given', async (t) => {
  const { promise, resolve } = deferred<number>()
  resolve(7)
  t.equal(await promise, 7)
})

t.test('the promise rejects with the error that reject() is given', async (t) => {
  const { promise, reject } = deferred()
  reject(new Error('no'))
  await t.rejects(promise, { message: 'no' })
})
