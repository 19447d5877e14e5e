import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import t from 'tap'
import { PrimaryChannel, WorkerChannel, type WorkerChannelEvents } from '../../src/ipc/channel.ts'
import { envelope, isEnvelope } from '../../src/ipc/messages.ts'

function openWorkerChannel(events: WorkerChannelEvents = {}) {
  const child = new EventEmitter()
  const channel = new WorkerChannel(child as ChildProcess, events)
  return {
    child,
    channel,
    receive: (raw: unknown, handle?: unknown) =>
      child.emit(isEnvelope(raw) ? 'internalMessage' : 'message', raw, handle),
  }
}

t.test('a message goes to the handler of its type, with its envelope and its handle', async (t) => {
  const { channel, receive } = openWorkerChannel()
  const calls: unknown[] = []
  channel.on('transfer', (...call) => calls.push(call))
  channel.on('peer-socket-open', () => t.fail('a message of another type'))
  const sent = envelope({ type: 'transfer', instance: 7 }, Buffer.from('hi'))
  const handle = {}
  receive(sent, handle)
  t.strictSame(calls, [[{ type: 'transfer', instance: 7 }, sent, handle]])
})

t.test('a child process has one listener for messages, whatever the number of handlers', async (t) => {
  const { child, channel } = openWorkerChannel()
  for (const type of ['ready', 'start-failed', 'heartbeat', 'leaving', 'bus-frame'] as const) channel.on(type, () => {})
  t.equal(child.listenerCount('internalMessage'), 1)
  t.equal(child.listenerCount('message'), 1)
})

t.test('a type has one handler, and another one after that one was removed', async (t) => {
  const { channel, receive } = openWorkerChannel()
  let first = 0
  let second = 0
  const remove = channel.on('peer-socket-open', () => first++)
  t.throws(() => channel.on('peer-socket-open', () => {}), /'peer-socket-open' have a handler already/)
  remove()
  channel.on('peer-socket-open', () => second++)
  remove()
  receive(envelope({ type: 'peer-socket-open' }))
  t.strictSame([first, second], [0, 1])
})

t.test('unknown messages and messages of other libraries are reported apart', async (t) => {
  const seen: unknown[] = []
  const { channel, receive } = openWorkerChannel({
    onReceived: () => seen.push('received'),
    onUnknown: () => seen.push('unknown'),
    onForeign: (message) => seen.push(message),
  })
  channel.on('ack', () => t.fail('its field has a wrong type'))
  receive(envelope({ type: 'ack', seq: 'x' }))
  receive({ hello: 'primary' })
  receive(envelope({ type: 'peer-socket-closed' }))
  t.strictSame(
    seen,
    ['received', 'unknown', 'received', { hello: 'primary' }, 'received'],
    'a message without a handler does nothing',
  )
})

t.test('a worker tells connections, messages and messages of other libraries apart', async (t) => {
  const source = new EventEmitter()
  const channel = new PrimaryChannel(source)
  const seen: unknown[] = []
  channel.onConnection = (seq, { metadata }, handle) => seen.push([seq, metadata, handle])
  channel.onUnknown = () => seen.push('unknown')
  channel.on('worker-count', ({ workers }) => seen.push(workers))
  const handle = {}
  source.emit('internalMessage', envelope(5, Buffer.from('hi')), handle)
  source.emit('internalMessage', envelope({ type: 'worker-count', workers: 3 }))
  source.emit('internalMessage', envelope({ type: 'no such type' }))
  source.emit('internalMessage', { cmd: 'NODE_CLUSTER', holdfast: { type: 'no such type' } })
  source.emit('message', { holdfast: { type: 'worker-count', workers: 4 } })
  t.strictSame(seen, [[5, 'aGk=', handle], 3, 'unknown'])
})
