import t, { type Test } from 'tap'
import { Census, type Question } from '../../src/socket-io/census.ts'
import { SimulatedWorld } from '../support/simulated-world.ts'

/** A census of a node with requests that wait. */
function setUp(t: Test, servers: number, ...waiting: string[]) {
  const world = new SimulatedWorld()
  const questions: Question[] = []
  const expected: [request: string, answers: number][] = []
  const node = { servers, isAway: false, waiting }
  const census = new Census(
    {
      waiting: () => node.waiting,
      servers: async () => {
        if (node.isAway) throw new Error('Redis is away')
        return node.servers
      },
      ask: (question) => void questions.push(question),
      expect: (request, answers) => void expected.push([request, answers]),
    },
    world,
  )
  t.teardown(() => census.close())
  /** Moves the clock, and lets promises settle. */
  const wait = async (milliseconds: number) => {
    world.advance(milliseconds)
    await new Promise((done) => setImmediate(done))
  }
  const reply = (server: string, received: string[], question = questions.at(-1)) =>
    census.replied(question!.census, server, received)
  return { world, census, node, questions, expected, wait, reply }
}

t.test('after the end of a server only those answers are expected that still come', async (t) => {
  const { census, questions, expected, wait, reply } = setUp(t, 4, 'a', 'b')
  census.sent()
  census.answered('a', 'fast')
  census.serverGone()
  t.strictSame(questions, [], 'a request that was sent just now is not asked about')
  await wait(50)
  t.match(questions, [{ requests: ['a', 'b'] }])
  reply('fast', ['a', 'b'])
  reply('slow', ['a'])
  t.strictSame(expected, [], 'one server has not replied')
  reply('late', [])
  t.strictSame(expected, [
    ['a', 1],
    ['b', 1],
  ])
})

t.test('without the news of an end, a request that waits for long is asked about', async (t) => {
  const { census, questions, expected, wait, reply } = setUp(t, 2, 'a')
  census.sent()
  census.sent()
  await wait(500)
  t.equal(questions.length, 0)
  await wait(500)
  t.equal(questions.length, 1)
  reply('other', [])
  t.strictSame(expected, [['a', 0]])
})

t.test('nothing is concluded while a subscribed server does not reply, and late replies do not count', async (t) => {
  const { census, node, questions, expected, wait, reply } = setUp(t, 3, 'a')
  census.sent()
  census.serverGone()
  await wait(50)
  reply('other', [])
  // Redis has not noticed the end of the third server yet.
  node.servers = 2
  await wait(100)
  t.equal(questions.length, 2)
  reply('other', [], questions[0])
  t.strictSame(expected, [])
  reply('other', [])
  t.strictSame(expected, [['a', 0]])
})

t.test('while Redis is away, the question waits', async (t) => {
  const { census, node, questions, expected, wait, reply } = setUp(t, 2, 'a')
  node.isAway = true
  census.sent()
  census.serverGone()
  await wait(50)
  t.equal(questions.length, 0)
  node.isAway = false
  await wait(500)
  reply('other', [])
  t.strictSame(expected, [['a', 0]])
})

t.test('no timer runs while no request waits, and none after the end', async (t) => {
  const { world, census, node, wait } = setUp(t, 2)
  census.sent()
  await wait(500)
  t.equal(world.pending, 0)
  node.waiting.push('a')
  census.sent()
  census.close()
  t.equal(world.pending, 0)
})

t.test('a request that has ended meanwhile is left alone', async (t) => {
  const { census, node, expected, wait, reply } = setUp(t, 2, 'a')
  census.sent()
  census.serverGone()
  await wait(50)
  node.waiting = []
  reply('other', [])
  t.strictSame(expected, [])
})

t.test('a server tells which requests it has received, for as long as they can wait', async (t) => {
  const { census, wait } = setUp(t, 2)
  census.received('a')
  const question = { census: '1', requests: ['a', 'b'] }
  t.strictSame(census.reply(question), ['a'])
  await wait(40_000)
  census.received('b')
  t.strictSame(census.reply(question), ['b'])
})
