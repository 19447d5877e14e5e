import t from 'tap'
import type { SessionRule } from '../../src/options/options.ts'
import { LookupCache } from '../../src/sessions/lookup-cache.ts'

const user: SessionRule = { header: 'x-user' }
const seat: SessionRule = { cookie: 'seat' }

/** A find function that counts its calls. */
function countingFind() {
  let calls = 0
  const find = (rule: SessionRule, text: string): string | undefined => {
    calls++
    return text === 'nothing' ? undefined : `${text} by ${rule === user ? 'user' : 'seat'}`
  }
  return { find, calls: () => calls }
}

t.test('the same text is looked up once, also where it leads to nothing', async (t) => {
  const { find, calls } = countingFind()
  const cache = new LookupCache<string>()
  for (const [text, result] of [
    ['a', 'a by user'],
    ['nothing', undefined],
  ] as const) {
    const connection = {}
    const before = calls()
    for (let i = 0; i < 3; i++) t.equal(cache.lookUp(connection, user, text, find), result)
    t.equal(calls(), before + 1)
  }
})

t.test('another text, another rule, another connection and no connection are looked up', async (t) => {
  const { find, calls } = countingFind()
  const cache = new LookupCache<string>()
  const connection = {}
  t.equal(cache.lookUp(connection, user, 'a', find), 'a by user')
  t.equal(cache.lookUp(connection, user, 'b', find), 'b by user')
  t.equal(cache.lookUp(connection, seat, 'b', find), 'b by seat')
  t.equal(cache.lookUp({}, seat, 'b', find), 'b by seat')
  t.equal(cache.lookUp(undefined, seat, 'b', find), 'b by seat')
  t.equal(calls(), 5)
  t.equal(new LookupCache<string>().lookUp(connection, seat, 'b', find), 'b by seat')
  t.equal(calls(), 6, 'a result of another cache does not count')
})

t.test('everything is looked up again after clear()', async (t) => {
  const { find, calls } = countingFind()
  const cache = new LookupCache<string>()
  const connection = {}
  for (let i = 0; i < 2; i++) {
    t.equal(cache.lookUp(connection, user, 'a', find), 'a by user')
    cache.clear()
  }
  t.equal(calls(), 2)
})

t.test('a text of more than 1,024 characters is not remembered', async (t) => {
  const { find, calls } = countingFind()
  const cache = new LookupCache<string>()
  const connection = {}
  for (let i = 0; i < 2; i++) cache.lookUp(connection, user, 'x'.repeat(1_025), find)
  t.equal(calls(), 2)
  for (let i = 0; i < 2; i++) cache.lookUp(connection, user, 'x'.repeat(1_024), find)
  t.equal(calls(), 3)
})
