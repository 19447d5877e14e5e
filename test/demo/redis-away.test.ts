// What the demos say, in the terminal and on their pages, while Redis is away and when it is back.
import { readlinkSync } from 'node:fs'
import t from 'tap'
import { until } from '../support/clients.ts'
import { missing } from '../support/installed.ts'
import { descendants } from '../support/program.ts'
import { startRedis } from '../support/redis.ts'
import { startDemo, stopDemo } from './demo.ts'

const skip = missing('redis-server')

t.test('the terminal tells that Redis is away and that it is back, once for each worker', { skip }, async (t) => {
  const redis = await startRedis(t)
  const demo = await startDemo(t, 'ws', [], { REDIS_URL: redis.url })
  const { program } = demo
  t.ok(program.stdout().includes(`Redis      at ${redis.url} (REDIS_URL)`), 'which one it is')
  await redis.kill()
  for (const id of [0, 1]) await program.printed(new RegExp(`^Worker ${id} does not reach Redis \\(.+\\)\\.$`, 'm'))
  await redis.start()
  for (const id of [0, 1]) await program.printed(new RegExp(`^Worker ${id} reaches Redis again\\.$`, 'm'))
  t.equal(program.stdout().match(/does not reach/g)?.length, 2)
  await stopDemo(t, demo)
})

for (const [name, words] of [
  ['ws', 'tabs of different workers do not hear each other now'],
  ['counter', 'its number stands still, the others count on'],
  ['sessions', 'the sessions in it are gone'],
] as const) {
  t.test(`that a private Redis has ended is told in the words of the demo: ${name}`, { skip }, async (t) => {
    const { program } = await startDemo(t, name, ['--redis'])
    t.match(program.stdout(), /Redis +a private one for this demo/)
    process.kill(redisOf(program.pid), 'SIGKILL')
    await until('it is told', () => program.stderr().includes(`The private redis-server has ended; ${words}.`))
  })
}

t.test('without Redis they say so', async (t) => {
  const { program } = await startDemo(t, 'counter')
  t.match(program.stdout(), /Redis +none \(REDIS_URL is not set\); that number is off/)
})

function redisOf(demo: number): number {
  return descendants(demo).find((pid) => /redis/.test(readlinkSync(`/proc/${pid}/exe`)))!
}
