import t from 'tap'
import type { SessionRule } from '../../src/options/options.ts'
import { LastText } from '../../src/sessions/lookup-cache.ts'

const user: SessionRule = { header: 'x-user' }
const seat: SessionRule = { cookie: 'seat' }

/** Says how often it was asked. */
function finder() {
  let asked = 0
  const find = (rule: SessionRule, text: string): string | undefined => {
    asked++
    return text === 'nothing' ? undefined : `${text} by ${rule === user ? 'user' : 'seat'}`
  }
  return { find, asked: () => asked }
}

t.test('asks once for the same text, also where it leads nowhere', async (t) => {
  const { find, asked } = finder()
  const last = new LastText<string>()
  for (const [text, where] of [
    ['a', 'a by user'],
    ['nothing', undefined],
  ] as const) {
    const connection = {}
    const before = asked()
    for (let i = 0; i < 3; i++) t.equal(last.where(connection, user, text, find), where)
    t.equal(asked(), before + 1)
  }
})

t.test('another text, another rule, another connection and none at all are asked for', async (t) => {
  const { find, asked } = finder()
  const last = new LastText<string>()
  const connection = {}
  t.equal(last.where(connection, user, 'a', find), 'a by user')
  t.equal(last.where(connection, user, 'b', find), 'b by user')
  t.equal(last.where(connection, seat, 'b', find), 'b by seat')
  t.equal(last.where({}, seat, 'b', find), 'b by seat')
  t.equal(last.where(undefined, seat, 'b', find), 'b by seat')
  t.equal(asked(), 5)
  t.equal(new LastText<string>().where(connection, seat, 'b', find), 'b by seat')
  t.equal(asked(), 6, 'what another one has remembered does not count')
})

t.test('after forget() everything is asked for', async (t) => {
  const { find, asked } = finder()
  const last = new LastText<string>()
  const connection = {}
  for (let i = 0; i < 2; i++) {
    t.equal(last.where(connection, user, 'a', find), 'a by user')
    last.forget()
  }
  t.equal(asked(), 2)
})

t.test('a long text is not kept', async (t) => {
  const { find, asked } = finder()
  const last = new LastText<string>()
  const connection = {}
  for (let i = 0; i < 2; i++) last.where(connection, user, 'x'.repeat(1_025), find)
  t.equal(asked(), 2)
  for (let i = 0; i < 2; i++) last.where(connection, user, 'x'.repeat(1_024), find)
  t.equal(asked(), 3)
})
