import t from 'tap'
import type { Message } from '../../../../demo/chat/app/events.ts'
import { History } from '../../../../demo/chat/app/history.ts'

const limits = { perRoom: 3, rooms: 2, ids: 10 }
const message = (id: string, at: number, room = 'lobby'): Message => ({
  id,
  room,
  at,
  text: `text of ${id}`,
  person: 'p',
  name: 'n',
  worker: 0,
})
const ids = (history: History, room = 'lobby') => history.of(room).map(({ id }) => id)

t.test('a message counts once, however often it arrives', async (t) => {
  const history = new History(limits)
  t.equal(history.add(message('a', 1)), true)
  t.equal(history.add(message('a', 2)), false)
  t.strictSame(ids(history), ['a'])
})

t.test('messages are sorted by time, so the order is the same in every worker', async (t) => {
  const one = new History(limits)
  const other = new History(limits)
  for (const id of ['b', 'a', 'c']) one.add(message(id, 5))
  for (const id of ['c', 'b', 'a']) other.add(message(id, 5))
  t.strictSame(ids(one), ids(other))
  one.add(message('early', 1))
  t.notOk(ids(one).includes('early'), 'too old to be among the last ones')
})

t.test('only the last messages of the rooms that were used last are kept', async (t) => {
  const history = new History(limits)
  for (let n = 1; n <= 5; n++) history.add(message(`m${n}`, n))
  t.strictSame(ids(history), ['m3', 'm4', 'm5'])
  t.equal(history.add(message('m1', 1)), false, 'what was dropped is still known')
  history.add(message('x', 6, 'second'))
  history.add(message('y', 7, 'third'))
  t.strictSame(ids(history), [])
  t.strictSame(
    history.all().map(({ id }) => id),
    ['x', 'y'],
  )
})
