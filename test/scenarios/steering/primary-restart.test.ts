import t, { type Test } from 'tap'
import { loadLibc } from '../../../src/native/libc.ts'
import { loopback } from '../../support/clients.ts'
import { notifyName, startManaged, type Managed } from '../../support/manager.ts'
import { startVisitors } from '../../support/visitors.ts'

const { libc, reason } = loadLibc()
if (libc === undefined) t.test('a primary that is started again', { skip: reason }, () => {})
else onLinux(t)

function onLinux(t: Test): void {
  const addresses = Array.from({ length: 100 }, (_, n) => loopback(n * 131))
  const cases = [
    ['hand-off, a socket unit', 'handoff', '1', { give: 'listener' }],
    ['hand-off over node-ipc, a socket unit', 'handoff', '0', { give: 'listener' }],
    ['hand-off, the socket stored with the manager', 'handoff', '1', { notify: notifyName() }],
    ['kernel steering, the sockets stored with the manager', 'kernel', '1', { notify: notifyName() }],
    ['kernel steering, 256 sockets without names', 'kernel', '1', { give: 'group' }],
  ] as const
  for (const [name, steering, native, setup] of cases) {
    t.test(
      `while a primary is killed and started again, no client is refused or changes its worker: ${name}`,
      async (t) => {
        const options = { workers: 2, steering }
        const primary = await startManaged(t, { ...setup, env: { HOLDFAST_NATIVE: native } }, { options })
        const owners = await explained(primary, addresses)
        const visitors = startVisitors(primary.port, addresses)
        t.teardown(() => visitors.stop())
        t.strictSame(workers(await visitors.next()), owners)
        // A manager restarts with SIGTERM. The second restart shows that sockets that came back can be passed on again.
        for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
          const before = await pids(primary)
          visitors.outcomes.clear()
          await primary.restart({ signal })
          t.strictSame(await explained(primary, addresses), owners)
          t.strictSame(workers(await visitors.next()), owners)
          const now = await pids(primary)
          t.equal(new Set([...before, ...now]).size, 4, 'the workers are new')
          const outcomes = Object.fromEntries(visitors.outcomes)
          t.comment(signal, JSON.stringify(outcomes))
          t.notMatch(Object.keys(outcomes).join(), /ECONNREFUSED|hung/, 'no client is refused, and none hangs')
          if (signal === 'SIGTERM')
            t.notMatch(Object.keys(outcomes).join(), /new ECONN/, 'no client loses a new connection')
        }
        await visitors.stop()
        t.notMatch([...visitors.outcomes.keys()].join(), /hung/)
        t.match(primary.output(), /activation\.inherited sockets=(?:1|256)\n/)
      },
    )
  }
}

async function explained(primary: Managed, addresses: readonly string[]): Promise<Map<string, number>> {
  const workers = new Map<string, number>()
  for (const address of addresses) workers.set(address, (await primary.explain(address)).worker)
  return workers
}

async function pids(primary: Managed): Promise<(number | null)[]> {
  return (await primary.status()).workers.map(({ pid }) => pid)
}

function workers(replies: ReadonlyMap<string, { worker: number }>): Map<string, number> {
  return new Map([...replies].map(([address, { worker }]) => [address, worker]))
}
