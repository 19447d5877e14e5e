import t from 'tap'
import { describeFailure, unexcused, type Excuse, type Failure } from './judge.ts'

const failure: Failure = {
  from: '127.1.0.1',
  client: 'short',
  how: 'broken',
  began: 1_000,
  pid: undefined,
  message: 'read ECONNRESET',
}
const killed: Excuse = { why: 'killed', pid: 77, worker: 1, deafSince: 1_500 }
const exhausted: Excuse = { why: 'exhausted', worker: 1, from: 900, to: 1_100 }
const onWorker1 = () => new Set([1])
const isExcused = (more: Partial<Failure>, excuses: Excuse[], owners = onWorker1) =>
  unexcused([{ ...failure, ...more }], excuses, owners).length === 0

t.test('a client that a killed process was serving may be cut off', async (t) => {
  t.ok(isExcused({ pid: 77, began: 9_999 }, [killed]))
  t.notOk(isExcused({ pid: 78 }, [killed]), 'but not by another process')
})

t.test('a client without an answer may have been at the killed process, if it connected before the end', async (t) => {
  t.ok(isExcused({}, [killed]))
  t.notOk(isExcused({ began: 1_600 }, [killed]), 'after its end it could take no connection')
  t.notOk(
    isExcused({}, [killed], () => new Set([0, 2])),
    'clients of other workers were never at that process',
  )
})

t.test('a worker without descriptors closes what it cannot take, and keeps what it has', async (t) => {
  t.ok(isExcused({}, [exhausted]))
  t.notOk(isExcused({ began: 1_200 }, [exhausted]))
  t.notOk(isExcused({ pid: 77 }, [exhausted]))
  t.notOk(isExcused({}, [exhausted], () => new Set([0])))
})

t.test('only a client with a kept connection to a process that finishes may see the connection close', async (t) => {
  const finishing: Excuse = { why: 'finishing', pid: 77, since: 900 }
  t.ok(isExcused({ client: 'kept', pid: 77 }, [finishing]))
  t.notOk(isExcused({ client: 'kept', pid: 77, began: 800 }, [finishing]), 'requests that came before are answered')
  t.notOk(isExcused({ client: 'websocket', pid: 77 }, [finishing]), 'a WebSocket gets a close code')
  t.notOk(isExcused({}, [finishing]))
})

t.test('no client may hang or be refused, whichever process was killed', async (t) => {
  t.notOk(isExcused({ pid: 77, how: 'hung' }, [killed]))
  t.notOk(isExcused({ how: 'refused' }, [killed]))
})

t.test('without an excuse no client may be cut off', async (t) => {
  t.notOk(isExcused({}, []))
  t.match(
    describeFailure(failure, 400),
    'broken: short client 127.1.0.1, begun 600 ms into the step, with no process yet: read ECONNRESET',
  )
})
