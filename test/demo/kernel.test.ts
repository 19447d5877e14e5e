import t, { type Test } from 'tap'
import { loadLibc } from '../../src/native/libc.ts'
import { startDemo, stopDemo } from './demo.ts'

const { libc, reason } = loadLibc()
const skip = libc === undefined && reason

t.test('the kernel steers as explain() says, and queues connections of a stopped worker', { skip }, async (t) => {
  const demo = await startDemo(t, 'kernel')
  t.match(demo.program.stdout(), /Steering +kernel: the self-test passed/)
  const [, slot, queued] = await demo.program.printed(/status\(\)\.queues\[(\d+)\]: (\d)/)
  t.equal(queued, '3')
  await demo.program.printed(/It goes on, and 3 of 3 are served by it/)
  const clients = rows(demo.program.stdout())
  t.equal(clients[0]!.slot, slot)
  agree(t, clients)
  await stopDemo(t, demo)
})

t.test('without system calls the demo says why, and the same workers serve', async (t) => {
  const demo = await startDemo(t, 'kernel', [], { HOLDFAST_NATIVE: '0' })
  t.match(demo.program.stdout(), /Steering +handoff: no kernel steering: .*HOLDFAST_NATIVE/)
  await demo.program.printed(/status\(\)\.workers\[\d\]\.pending: 3; the primary holds them/)
  await demo.program.printed(/It goes on, and 3 of 3 are served by it/)
  agree(t, rows(demo.program.stdout()))
  await stopDemo(t, demo)
})

interface Row {
  client: string
  slot: string
  explained: string
  served: string
}

function rows(output: string): Row[] {
  return [...output.matchAll(/^ +(\S+) +[0-9a-f]+ +(\d+) +worker (\d) +worker (\d)$/gm)].map(
    ([, client = '', slot = '', explained = '', served = '']) => ({ client, slot, explained, served }),
  )
}

function agree(t: Test, clients: Row[]): void {
  t.ok(clients.length >= 8)
  for (const { client, explained, served } of clients) t.equal(served, explained, client)
}
