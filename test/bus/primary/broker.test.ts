import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { BusBroker } from '../../../src/bus/primary/broker.ts'
import { bytesOf } from '../../../src/bus/frame-channel.ts'
import { encodeRecord, OP, readFrame } from '../../../src/bus/frames.ts'
import { WorkerChannel } from '../../../src/ipc/channel.ts'
import { envelope, type Frame } from '../../../src/ipc/messages.ts'

/** A worker that reads when the test calls read(). */
class Worker extends EventEmitter {
  readonly connected = true
  readonly received: [op: number, body: string][] = []
  #written = (): void => {}

  send({ holdfast }: { holdfast: { frame: Frame } }, written: () => void): void {
    for (const { op, body } of readFrame(bytesOf(holdfast.frame))) this.received.push([op, body.toString()])
    this.#written = written
  }

  read(): void {
    this.#written()
  }

  publish(...records: Buffer[]): void {
    this.emit('internalMessage', envelope({ type: 'bus-frame', frame: Buffer.concat(records) }))
  }
}

/** @param maxBuffered - bytes that may wait for the worker @param disconnects - whether more dismiss it */
function join(maxBuffered: number, disconnects: boolean): Buffer {
  const body = Buffer.alloc(5)
  body.writeUInt32LE(maxBuffered)
  body[4] = Number(disconnects)
  return encodeRecord(OP.join, '', body)
}

for (const disconnects of [false, true]) {
  const slow = disconnects ? 'disconnect' : 'drop-oldest'
  t.test(`no message is dropped for one that never fits, with slow: '${slow}'`, async (t) => {
    const workers = [new Worker(), new Worker()] as const
    const [publisher, listener] = workers
    const logger = { debug() {}, info() {}, warn() {}, error() {} }
    const processes = workers.map((worker, id) => ({
      channel: new WorkerChannel(worker as unknown as ChildProcess),
      id,
      pid: id,
    }))
    const relay = new BusBroker('advanced', logger, () => processes)
    for (const { channel } of processes) relay.started(channel)
    listener.publish(join(1_000, disconnects), encodeRecord(OP.subscribe, 'news'))
    publisher.publish(encodeRecord(OP.text, 'news', 'first'))
    await turn()
    publisher.publish(encodeRecord(OP.text, 'news', 'second'), encodeRecord(OP.text, 'news', 'x'.repeat(5_000)))
    await turn()
    t.match(relay.status(), { relayed: 2, dropped: 1, workers: [{ worker: 0 }, { worker: 1, channels: 1, queued: 1 }] })
    listener.read()
    const missed = Buffer.from([1, 0, 0, 0]).toString()
    t.strictSame(listener.received, [
      [OP.text, 'first'],
      [OP.missed, missed],
      [OP.text, 'second'],
    ])
  })
}
