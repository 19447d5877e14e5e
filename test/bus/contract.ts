// What every kind of bus promises. Each kind runs this suite, in as many processes as it can have.
import type { Test } from 'tap'
import type { BusMessage } from '../../src/broadcast.ts'
import type { Probe } from '../support/bus-probe.ts'
import { until } from '../support/clients.ts'

/** Three buses that share their messages. */
export type Family = [Probe, Probe, Probe]

/** @param open - opens three buses that share nothing with earlier ones and are closed with the test */
export function busContract(t: Test, open: (t: Test) => Promise<Family>): void {
  t.test('every listener gets a message once, from any publisher', async (t) => {
    const [a, b, c] = await open(t)
    await a.listen('news')
    await b.listen('news')
    await a.publish('news', 'from a')
    await arrived(a, 'news', 1)
    await arrived(b, 'news', 1)
    await c.publish('news', 'from c')
    await arrived(a, 'news', 2)
    await arrived(b, 'news', 2)
    await b.publish('news', 'from b')
    await arrived(a, 'news', 3)
    await arrived(b, 'news', 3)
    t.match(await a.status(), { published: 1, delivered: 3, channels: 1, lost: 0, missed: 0, connected: true })
    await flushed(a, b, c)
    t.strictSame(await a.kept('news'), ['from a', 'from c', 'from b'])
    t.strictSame(await b.kept('news'), ['from a', 'from c', 'from b'])
    t.strictSame(await c.kept('news'), [], 'without a listener')
  })

  t.test('bytes stay bytes, a string stays a string, and JSON keeps its value', async (t) => {
    const [a, b] = await open(t)
    await a.listen('kinds')
    await b.listen('kinds')
    const messages: BusMessage[] = [
      Buffer.from([0, 1, 10, 127, 128, 255]),
      Buffer.alloc(0),
      Buffer.alloc(300_000, 'long'),
      new Uint8Array([7, 8]),
      '',
      'text',
      'Grüße, 世界 🌊',
      `half of a pair: \ud83c`,
      'null',
      'y'.repeat(100_000),
      0,
      -1.5,
      true,
      false,
      null,
      [],
      {},
      [1, 'two', { three: [3] }],
      { text: 'ü', nested: { deep: [null, { deeper: true }] } },
    ]
    await a.publish('kinds', ...messages)
    const expected = messages.map((message) => (message instanceof Uint8Array ? Buffer.from(message) : message))
    for (const one of [a, b]) {
      await arrived(one, 'kinds', messages.length)
      const kept = await one.kept('kinds')
      t.strictSame(kept, expected)
      t.ok(kept.slice(0, 4).every(Buffer.isBuffer), 'bytes come as a Buffer')
    }
  })

  t.test('a message is a copy: a later change by its publisher has no effect', async (t) => {
    const [a, b] = await open(t)
    await a.listen('copies')
    await b.listen('copies')
    await a.publishAndWipe('copies', Buffer.from('before'))
    await a.publishAndWipe('copies', Buffer.alloc(100_000, 'before'))
    for (const one of [a, b]) {
      await arrived(one, 'copies', 2)
      t.strictSame(await one.kept('copies'), [Buffer.from('before'), Buffer.alloc(100_000, 'before')])
    }
  })

  t.test('a listener gets the messages of its channel only, and none after its subscription has ended', async (t) => {
    const [a, b] = await open(t)
    await a.listen('one')
    await b.listen('one')
    await b.listen('two')
    await a.publish('two', 'for b')
    await a.publish('one', 'for both')
    await arrived(b, 'two', 1)
    await arrived(b, 'one', 1)
    await b.end('one')
    await a.publish('one', 'not for b')
    await a.publish('two', 'still for b')
    await arrived(a, 'one', 2)
    await arrived(b, 'two', 2)
    await flushed(a, b)
    t.strictSame(await b.kept('one'), ['for both'])
    t.strictSame(await a.kept('one'), ['for both', 'not for b'])
    await b.listen('one')
    await a.publish('one', 'again')
    await arrived(b, 'one', 1)
    t.strictSame(await b.kept('one'), ['again'])
  })

  t.test(
    'the messages of one publisher on one channel arrive in order everywhere, also under load',
    { timeout: 60_000 },
    async (t) => {
      const family = await open(t)
      const count = 3_000
      for (const one of family) {
        await one.count('load')
        await one.count('other load')
      }
      await Promise.all(
        family.flatMap((one, i) => [
          one.flood({ channel: 'load', from: `${i}`, count, size: 50, perTurn: 37 }),
          one.flood({ channel: 'other load', from: `${i}`, count: count / 10, size: 5_000, perTurn: 3 }),
        ]),
      )
      for (const one of family) {
        for (const [channel, expected] of [
          ['load', count],
          ['other load', count / 10],
        ] as const) {
          await until('all messages have arrived', async () => {
            const received = Object.values(await one.received(channel))
            return received.length === 3 && received.every(({ last }) => last === expected - 1)
          })
          for (const received of Object.values(await one.received(channel))) {
            t.strictSame(received, { count: expected, last: expected - 1, missing: 0, disorder: false })
          }
        }
        t.match(await one.status(), { buffered: 0, bufferedBytes: 0, lost: 0, missed: 0 })
      }
    },
  )

  t.test('an answer arrives after the message that it answers, at all listeners of the process', async (t) => {
    const [a] = await open(t)
    await a.echo('ping', 5)
    await a.listen('ping')
    await a.publish('ping', 1)
    await arrived(a, 'ping', 5)
    t.strictSame(await a.kept('ping'), [1, 2, 3, 4, 5])
  })

  t.test('a listener that throws does not keep messages from other listeners', async (t) => {
    const [a, b] = await open(t)
    await a.fail('trouble')
    await a.listen('trouble')
    await b.publish('trouble', 1)
    await b.publish('trouble', 2)
    await arrived(a, 'trouble', 2)
    t.match(await a.status(), { delivered: 6 })
  })

  t.test('a total is the sum of the additions of all processes', async (t) => {
    const family = await open(t)
    const [a, b, c] = family
    t.equal(await a.read('hits'), 0)
    for (const one of family) for (let n = 0; n < 100; n++) await one.add('hits')
    await a.add('hits', 1_000)
    await b.add('hits', -1)
    await c.add('other', 5)
    t.ok(Number(await a.read('hits')) >= 1_100, 'a total includes the additions of the reading process')
    await until('all additions are counted', async () => (await a.read('hits')) === 1_299)
    t.equal(await c.read('hits'), 1_299)
    t.equal(await a.read('other'), 5)
    t.equal(await a.value('hits'), 1_299, 'the total of the last read')
    await b.add('hits', 1)
    await until('the total arrives where it was added', async () => (await b.value('hits')) === 1_300)
  })

  t.test('after close() no message arrives or leaves, and no method throws', async (t) => {
    const [a, b] = await open(t)
    await a.listen('end')
    await b.listen('end')
    await a.publish('end', 'last words')
    await a.close()
    await arrived(b, 'end', 1)
    const { lost } = await a.status()
    await a.publish('end', 'too late')
    await b.publish('end', 'still here')
    await arrived(b, 'end', 2)
    t.strictSame(await b.kept('end'), ['last words', 'still here'])
    t.notOk((await a.kept('end')).includes('still here'))
    t.match(await a.status(), { connected: false, lost: lost + 1 })
    t.equal(await a.read('hits'), 'HOLDFAST_BUS_AWAY')
    await a.add('hits')
    await a.ready()
    await a.close()
  })
}

async function arrived(probe: Probe, channel: string, count: number): Promise<void> {
  await until(`${count} on ${channel}`, async () => (await probe.kept(channel)).length >= count)
}

/** Resolves when all messages so far have arrived: one more message from each bus has arrived at all of them. */
async function flushed(...family: Probe[]): Promise<void> {
  for (const one of family) await one.listen('flush')
  for (const one of family) await one.publish('flush', 0)
  for (const one of family) await arrived(one, 'flush', family.length)
}
