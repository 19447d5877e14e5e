import t from 'tap'
import { KnownKeys } from '../../src/worker/known-keys.ts'

t.test('what is set is known, with and without a connection', (t) => {
  const keys = new KnownKeys<string>()
  const connection = {}
  t.equal(keys.get('a', connection), undefined)
  keys.set('a', 'mine')
  keys.set('b', 'free')
  for (const where of [connection, undefined, connection]) {
    t.equal(keys.get('a', where), 'mine')
    t.equal(keys.get('b', where), 'free')
    t.equal(keys.get('c', where), undefined)
  }
  t.end()
})

t.test('after clear() nothing is known, on no connection', (t) => {
  const keys = new KnownKeys<string>()
  const connection = {}
  keys.set('a', 'mine')
  t.equal(keys.get('a', connection), 'mine')
  keys.clear()
  t.equal(keys.get('a', connection), undefined)
  keys.set('a', 'free')
  t.equal(keys.get('a', connection), 'free')
  t.end()
})

t.test('a connection remembers for one only', (t) => {
  const [keys, others] = [new KnownKeys<string>(), new KnownKeys<string>()]
  const connection = {}
  keys.set('a', 'mine')
  t.equal(keys.get('a', connection), 'mine')
  t.equal(others.get('a', connection), undefined)
  t.end()
})

t.test('strangers can not fill the memory', (t) => {
  const keys = new KnownKeys<string>()
  const long = 'x'.repeat(257)
  keys.set(long, 'mine')
  t.equal(keys.get(long, {}), undefined)
  for (let i = 0; i <= 4_096; i++) keys.set(`key ${i}`, 'mine')
  t.equal(keys.get('key 0', {}), undefined)
  t.equal(keys.get('key 4096', {}), 'mine')
  t.end()
})
