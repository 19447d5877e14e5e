import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import https from 'node:https'
import { json } from 'node:stream/consumers'
import tls from 'node:tls'
import t from 'tap'
import { startBalancer, type Balancer } from '../../support/balancer.ts'
import { freePort, until } from '../../support/clients.ts'
import { startCluster } from '../../support/cluster.ts'

t.jobs = 3

interface Visit {
  /** Whether the session of the ticket was resumed. */
  isResumed: boolean
  pid: number
  ticket: Buffer | undefined
}

/** One request on a connection of its own. @param session - a ticket of another connection */
async function visit(port: number, more: tls.ConnectionOptions = {}): Promise<Visit> {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...more })
  let ticket: Buffer | undefined
  let isResumed = false
  let text = ''
  socket.on('session', (session) => (ticket = session))
  socket.on('secureConnect', () => (isResumed = socket.isSessionReused()))
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
  await once(socket, 'close')
  return { isResumed, pid: Number(/"pid":(\d+)/.exec(text)?.[1]), ticket }
}

/** Ten connections, each with the same ticket. */
async function visits(balancer: Pick<Balancer, 'port'>, more: tls.ConnectionOptions) {
  const all: Visit[] = []
  for (let n = 0; n < 10; n++) all.push(await visit(balancer.port, more))
  return { resumed: all.filter(({ isResumed }) => isResumed).length, pids: [...new Set(all.map(({ pid }) => pid))] }
}

for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
  for (const HOLDFAST_NATIVE of ['1', '0']) {
    t.test(
      `every worker resumes a session, also after a reload, with ${maxVersion}, native ${HOLDFAST_NATIVE}`,
      async (t) => {
        const options = { workers: 2, balance: 'round-robin', reload: { grace: 0, spread: 0 } } as const
        const balancer = await startBalancer(t, { kind: 'https', options, env: { HOLDFAST_NATIVE } })
        const { ticket, isResumed } = await visit(balancer.port, { maxVersion })
        t.notOk(isResumed)
        const before = await visits(balancer, { maxVersion, session: ticket! })
        t.match(before, { resumed: 10, pids: { length: 2 } })
        await balancer.reload()
        const after = await visits(balancer, { maxVersion, session: ticket! })
        t.match(after, { resumed: 10, pids: { length: 2 } })
        t.notOk(
          before.pids.some((pid) => after.pids.includes(pid)),
          'by processes that are new',
        )
      },
    )
  }
}

t.test('a process that replaces a crashed one, and a standby, resume sessions', async (t) => {
  const balancer = await startBalancer(t, { kind: 'https', options: { workers: 1, standby: 1 } })
  const { ticket, pid } = await visit(balancer.port)
  for (const how of ['the standby', 'the standby after it']) {
    const back = balancer.event('worker:ready', ({ id }) => id === 0)
    process.kill(await balancer.pid(0), 'SIGKILL')
    await back
    const next = await visit(balancer.port, { session: ticket! })
    t.ok(next.isResumed && next.pid !== pid, how)
  }
})

t.test('workers of another balancer have other keys, and the handshake is a full one', async (t) => {
  const [one, two] = await Promise.all([1, 2].map(() => startBalancer(t, { kind: 'https', options: { workers: 1 } })))
  const { ticket } = await visit(one!.port)
  t.match(await visit(two!.port, { session: ticket! }), { isResumed: false, pid: await two!.pid(0) })
})

t.test('after a rotation a former ticket leads to a full handshake, and a new one is resumed', async (t) => {
  const options = { workers: 2, balance: 'round-robin', ticketRotation: 1_000 } as const
  const balancer = await startBalancer(t, { kind: 'https', options })
  const { ticket } = await visit(balancer.port)
  await until('the keys are others', async () => {
    const { isResumed, pid } = await visit(balancer.port, { session: ticket! })
    t.ok(pid, 'the request is answered')
    return !isResumed
  })
  await until('both workers resume a new ticket', async () => {
    const session = (await visit(balancer.port)).ticket!
    const again = [await visit(balancer.port, { session }), await visit(balancer.port, { session })]
    return again.every(({ isResumed }) => isResumed)
  })
})

t.test('ticketRotation: false leaves the keys to the application', async (t) => {
  const options = { workers: 2, balance: 'round-robin', ticketRotation: false } as const
  const balancer = await startBalancer(t, { kind: 'https', options })
  const { ticket, pid } = await visit(balancer.port)
  const next = [await visit(balancer.port, { session: ticket! }), await visit(balancer.port, { session: ticket! })]
  for (const one of next) t.equal(one.isResumed, one.pid === pid)
})

t.test("workers of the application's own cluster resume each other's sessions", async (t) => {
  const cluster = await startCluster(t, {
    workers: 2,
    options: { loadBalancingMethod: 'round-robin' },
    env: { FIXTURE_KIND: 'https' },
  })
  await cluster.untilJoined(2)
  const { ticket } = await visit(cluster.port)
  t.match(await visits(cluster, { session: ticket! }), { resumed: 10, pids: { length: 2 } })
})

for (const FIXTURE_KEYS of ['option', 'before'] as const) {
  t.test(`keys that the application sets stay, also after a rotation: ${FIXTURE_KEYS}`, async (t) => {
    const options = { workers: 1, ticketRotation: 1_000 }
    const [own, other] = await Promise.all([
      startBalancer(t, { fixture: 'tickets-app', options, env: { FIXTURE_KEYS } }),
      startBalancer(t, { fixture: 'tickets-app', options }),
    ])
    t.equal(await keysOf(own.port), 'own')
    await rotated(other)
    await rotated(other)
    t.equal(await keysOf(own.port), 'own')
  })
}

t.test('keys that the application sets while it serves stay too', async (t) => {
  const options = { workers: 1, ticketRotation: 1_000 }
  const [own, other] = await Promise.all([1, 2].map(() => startBalancer(t, { fixture: 'tickets-app', options })))
  t.not(await keysOf(own!.port), 'own')
  t.equal(await keysOf(own!.port, '/own'), 'own')
  await rotated(other!)
  await rotated(other!)
  t.equal(await keysOf(own!.port), 'own')
})

t.test('a renewed certificate does not change the keys', async (t) => {
  const balancer = await startBalancer(t, { fixture: 'tickets-app', options: { workers: 1 } })
  const keys = await keysOf(balancer.port)
  t.equal(await keysOf(balancer.port, '/renew'), keys)
})

t.test('under the command too, the keys that a program sets before it listens stay', async (t) => {
  const port = await freePort()
  const program = new URL('../../fixtures/tickets-app.js', import.meta.url).pathname
  const cli = new URL('../../../src/cli.js', import.meta.url).pathname
  const env = { ...process.env, FIXTURE_KEYS: 'listen' }
  const child = spawn(process.execPath, [cli, '--port', String(port), '--workers', '1', program], { env })
  t.teardown(async () => {
    child.kill('SIGTERM')
    await once(child, 'exit')
  })
  await until('it serves', () => keysOf(port).then(Boolean, () => false))
  t.equal(await keysOf(port), 'own')
})

/** The server's keys of session tickets. */
async function keysOf(port: number, path = '/'): Promise<string> {
  const sending = https.get({ port, host: '127.0.0.1', path, rejectUnauthorized: false, agent: false })
  const [response] = (await once(sending, 'response')) as [IncomingMessage]
  return ((await json(response)) as { keys: string }).keys
}

/** Resolves when the balancer has changed its keys. */
async function rotated({ port }: Balancer): Promise<void> {
  const before = await keysOf(port)
  await until('the keys are others', async () => (await keysOf(port)) !== before)
}
