import t from 'tap'
import { wish } from '../../../../demo/chat/app/wish.ts'

const ask = (url: string | undefined) => wish({ url, headers: {} })

t.test('a tab gets the worker that it asks for, or a worker by its session key', async (t) => {
  t.equal(ask('/socket.io/?worker=2&EIO=4&transport=polling&t=abc'), 2)
  t.equal(ask('/socket.io/?session=a1b2&EIO=4&transport=websocket'), 'a1b2')
  t.equal(ask('/socket.io/?worker=0&session=a&EIO=4'), 0)
})

t.test('other parameters of an address ask for nothing', async (t) => {
  for (const query of [
    '',
    'worker=',
    'worker=-1',
    'worker=1e2',
    'worker=2000',
    'session=',
    'session=a%20b',
    'a=%E0%A4%A',
  ]) {
    t.equal(ask(`/socket.io/?EIO=4&${query}`), undefined, query)
  }
  t.equal(ask(`/socket.io/?EIO=4&session=${'a'.repeat(65)}`), undefined)
  t.equal(ask('/?worker=1'), undefined, 'the page itself is the same everywhere')
  t.equal(ask(undefined), undefined)
})
