import t from 'tap'
import {
  isListenTarget,
  listenerOfSocket,
  listenKey,
  slotOfSocket,
  socketNumber,
  type ListenTarget,
} from '../../src/ipc/listen-target.ts'

t.test('targets have the same key where they are one listener', async (t) => {
  const same: [ListenTarget, ListenTarget][] = [
    [
      { port: 80, host: undefined },
      { port: 80, host: '::' },
    ],
    [
      { port: 80, host: undefined },
      { port: 80, host: undefined, index: 3 },
    ],
    [{ path: '/a' }, { path: '/a', writableAll: true }],
  ]
  for (const [one, other] of same) t.equal(listenKey(one), listenKey(other))
  const all: ListenTarget[] = [
    { port: 80, host: undefined },
    { port: 81, host: undefined },
    { port: 80, host: '127.0.0.1' },
    { port: 80, host: '0.0.0.0' },
    { port: 80, host: '::', ipv6Only: true },
    { port: 0, host: undefined },
    { port: 0, host: undefined, index: 1 },
    { path: '/a' },
    { path: '/b' },
  ]
  t.equal(new Set(all.map(listenKey)).size, all.length)
})

t.test('the number of a socket has the listener and the slot', async (t) => {
  for (const [listener, slot] of [
    [0, 0],
    [0, 255],
    [7, 3],
    [255, 255],
  ] as const) {
    const number = socketNumber(listener, slot)
    t.ok(number < 2 ** 16)
    t.strictSame([listenerOfSocket(number), slotOfSocket(number)], [listener, slot])
  }
})

t.test('a target from another process is checked', async (t) => {
  for (const right of [{ port: 0 }, { port: 65535, host: '::1', ipv6Only: true }, { path: '/a' }]) {
    t.ok(isListenTarget(right))
  }
  const wrong = [
    undefined,
    null,
    'x',
    {},
    { port: -1 },
    { port: 65536 },
    { port: '80' },
    { port: 80, host: 1 },
    { path: 1 },
  ]
  for (const one of wrong) t.notOk(isListenTarget(one))
})
