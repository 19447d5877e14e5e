import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { BusBroker } from '../../../src/bus/primary/broker.ts'
import { bytesOf } from '../../../src/bus/frame-channel.ts'
import { encodeRecord, OP, readFrame } from '../../../src/bus/frames.ts'
import { WorkerChannel } from '../../../src/ipc/channel.ts'
import type { Frame } from '../../../src/ipc/messages.ts'

/** A worker that reads when the test says so. */
class Worker extends EventEmitter {
  readonly connected = true
  readonly got: [op: number, body: string][] = []
  #written = (): void => {}

  send({ holdfast }: { holdfast: { frame: Frame } }, written: () => void): void {
    for (const { op, body } of readFrame(bytesOf(holdfast.frame))) this.got.push([op, body.toString()])
    this.#written = written
  }

  read(): void {
    this.#written()
  }

  say(...records: Buffer[]): void {
    this.emit('message', { holdfast: { type: 'bus-frame', frame: Buffer.concat(records) } })
  }
}

/** How a worker joins: with so many bytes that may wait for it, and whether it is dismissed for more. */
function join(maxBuffered: number, disconnects: boolean): Buffer {
  const body = Buffer.alloc(5)
  body.writeUInt32LE(maxBuffered)
  body[4] = Number(disconnects)
  return encodeRecord(OP.join, '', body)
}

for (const disconnects of [false, true]) {
  const slow = disconnects ? 'disconnect' : 'drop-oldest'
  t.test(`a message that never fits costs no other one, with slow: '${slow}'`, async (t) => {
    const workers = [new Worker(), new Worker()] as const
    const [speaker, listener] = workers
    const logger = { debug() {}, info() {}, warn() {}, error() {} }
    const processes = workers.map((worker, id) => ({
      channel: new WorkerChannel(worker as unknown as ChildProcess),
      id,
      pid: id,
    }))
    const relay = new BusBroker('advanced', logger, () => processes)
    for (const { channel } of processes) relay.started(channel)
    listener.say(join(1_000, disconnects), encodeRecord(OP.subscribe, 'news'))
    speaker.say(encodeRecord(OP.text, 'news', 'first'))
    await turn()
    speaker.say(encodeRecord(OP.text, 'news', 'second'), encodeRecord(OP.text, 'news', 'x'.repeat(5_000)))
    await turn()
    t.match(relay.status(), { relayed: 2, dropped: 1, workers: [{ worker: 0 }, { worker: 1, channels: 1, queued: 1 }] })
    listener.read()
    const missed = Buffer.from([1, 0, 0, 0]).toString()
    t.strictSame(listener.got, [
      [OP.text, 'first'],
      [OP.missed, missed],
      [OP.text, 'second'],
    ])
  })
}
