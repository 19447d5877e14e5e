// What every transport promises. Each transport runs this suite, with real sockets and a real receiving process.
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type net from 'node:net'
import type { Test } from 'tap'
import { MAX_METADATA } from '../../src/transport/metadata.ts'
import type { Transport } from '../../src/transport/transport.ts'
import { until } from '../support/clients.ts'
import { line, many, openBench, sendWhenRoom, messageFrom } from '../support/transport-bench.ts'

export function transportContract(t: Test, transport: Transport): void {
  t.test('each connection arrives once, in order, and is reported as acknowledged', async (t) => {
    const bench = await openBench(t, transport)
    const pairs = await many(bench, 100)
    for (const { connection } of pairs) await sendWhenRoom(bench, connection)
    const greetings = await Promise.all(pairs.map(({ client }) => line(client)))
    t.strictSame(
      greetings.map(({ count }) => count),
      pairs.map((_, i) => i),
    )
    await until('all are reported', () => bench.acknowledged.length === 100)
    t.strictSame(
      bench.acknowledged,
      pairs.map(({ connection }) => connection),
    )
    t.equal(bench.sender.unacknowledged, 0)
    t.strictSame(bench.undelivered, [])
  })

  t.test(
    'bytes that the client sent before the hand-off reach the worker, and the copy here can be closed after it',
    async (t) => {
      const bench = await openBench(t, transport)
      const { client, connection } = await bench.accept()
      client.write('sent early')
      t.ok(bench.sender.send(connection))
      await until('it is acknowledged', () => bench.acknowledged.length === 1)
      connection.close()
      client.write(', sent late')
      client.end()
      const [greeting, echo] = (await client.toArray()).join('').split('\n')
      t.match(JSON.parse(greeting!), { pid: bench.child.pid })
      t.equal(echo, 'sent early, sent late')
    },
  )

  t.test('metadata of any size up to the limit arrives with its connection', async (t) => {
    const bench = await openBench(t, transport)
    const sizes = [0, 1, 3_000, MAX_METADATA, 0, MAX_METADATA, 20_000, 20_000, 20_000, 5]
    // The first byte of metadata is flags; the connections of this test are all of TCP.
    const bodies = sizes.map((size) => (size === 0 ? undefined : randomBytes(size).fill(0, 0, 1)))
    const pairs = []
    for (const body of bodies) pairs.push(await bench.accept(body))
    for (const { connection } of pairs) await sendWhenRoom(bench, connection)
    const greetings = await Promise.all(pairs.map(({ client }) => line(client)))
    for (const [i, body] of bodies.entries()) {
      const digest = body === undefined ? undefined : createHash('sha256').update(body).digest('hex')
      t.match(greetings[i], { count: i, ...(body === undefined ? {} : { metadata: body.length, digest }) })
      if (body === undefined) t.equal(greetings[i]?.['metadata'], undefined)
    }
  })

  t.test('send() returns false when the transport is full, and room is reported later', async (t) => {
    const bench = await openBench(t, transport)
    bench.child.kill('SIGSTOP')
    const sent: net.Socket[] = []
    for (let isSent = true; isSent;) {
      const { client, connection } = await bench.accept()
      isSent = bench.sender.send(connection)
      if (isSent) sent.push(client)
      else connection.close()
      if (sent.length > 5000) throw new Error('the transport has no bound')
    }
    t.equal(bench.sender.unacknowledged, sent.length)
    t.equal(bench.rooms, 0)
    bench.child.kill('SIGCONT')
    await Promise.all(sent.map(line))
    await until('there is room', () => bench.rooms === 1)
    await until('all are reported', () => bench.acknowledged.length === sent.length)
  })

  t.test(
    'when the worker is killed, close() returns exactly the connections that it did not acknowledge',
    async (t) => {
      const bench = await openBench(t, transport)
      const served = await many(bench, 5)
      for (const { connection } of served) await sendWhenRoom(bench, connection)
      await Promise.all(served.map(({ client }) => line(client)))
      await until('they are acknowledged', () => bench.acknowledged.length === 5)
      bench.child.kill('SIGSTOP')
      const waiting = await many(bench, 5)
      const sent = waiting.map(({ connection }) => connection).filter((connection) => bench.sender.send(connection))
      t.ok(sent.length > 0, `${sent.length} are on their way`)
      const closed = once(bench.child, 'close')
      bench.child.kill('SIGKILL')
      await closed
      t.strictSame(bench.sender.close(), sent)
      t.equal(bench.sender.send(waiting[0]!.connection), false, 'nothing is sent to a dead process')
      // The connections are whole: another worker serves them.
      const successor = await openBench(t, transport)
      for (const { connection } of waiting) await sendWhenRoom(successor, connection)
      for (const { client } of waiting) t.match(await line(client), { pid: successor.child.pid })
    },
  )

  t.test('when the worker exits, each connection is either acknowledged or given back', async (t) => {
    const bench = await openBench(t, transport)
    const pairs = await many(bench, 30)
    const outcomes = pairs.map(({ client }) => Promise.race([line(client), once(client, 'close')]).catch(() => []))
    for (const [i, { connection }] of pairs.entries()) {
      if (i === 10) bench.child.send('exit')
      if (!bench.sender.send(connection)) bench.undelivered.push(connection)
    }
    await once(bench.child, 'close')
    const back = [...bench.sender.close(), ...bench.undelivered]
    const { acknowledged } = bench
    t.equal(back.length + acknowledged.length, 30, `${acknowledged.length} acknowledged, ${back.length} given back`)
    t.equal(new Set([...back, ...acknowledged]).size, 30, 'none is both')
    for (const connection of [...back, ...acknowledged]) connection.close()
    await Promise.all(outcomes)
  })

  t.test('a stopped worker owes an answer; when it runs again, it serves what waited', async (t) => {
    const bench = await openBench(t, transport)
    t.equal(bench.sender.silence(performance.now(), 0), 0, 'no answer is owed at first')
    bench.child.kill('SIGSTOP')
    const { client, connection } = await bench.accept()
    bench.sender.send(connection)
    await until('the silence grows', () => bench.sender.silence(performance.now(), 50) > 100)
    t.strictSame([bench.acknowledged, bench.undelivered], [[], []])
    bench.child.kill('SIGCONT')
    t.match(await line(client), { count: 0 })
    await until('no answer is owed', () => bench.sender.silence(performance.now(), 50) === 0)
    t.strictSame([bench.acknowledged, bench.undelivered], [[connection], []])
  })

  t.test('a connection that the worker has no descriptor for is reported, and can be sent again', async (t) => {
    const bench = await openBench(t, transport)
    bench.child.send('descriptors')
    await messageFrom(bench.child, 'taken')
    const pairs = await many(bench, 3)
    const queue = pairs.map(({ connection }) => connection)
    await until('they are reported as undelivered', () => {
      while (queue[0] !== undefined && bench.sender.send(queue[0])) queue.shift()
      bench.sender.silence(performance.now(), 50)
      return bench.undelivered.length === 3
    })
    t.strictSame(bench.acknowledged, [])
    bench.child.send('free')
    await messageFrom(bench.child, 'freed')
    for (const connection of bench.undelivered) await sendWhenRoom(bench, connection)
    for (const { client } of pairs) t.match(await line(client), { pid: bench.child.pid })
  })

  t.test('the worker learns of the end after the last connection', async (t) => {
    const bench = await openBench(t, transport)
    const pairs = await many(bench, 5)
    for (const { connection } of pairs) await sendWhenRoom(bench, connection)
    const ended = messageFrom(bench.child, 'ended')
    bench.sender.end()
    t.match(await ended, { ended: 5 })
  })
}
