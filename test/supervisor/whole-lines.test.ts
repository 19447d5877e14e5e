import { PassThrough, Writable } from 'node:stream'
import * as fc from 'fast-check'
import t from 'tap'
import { Output, WholeLines } from '../../src/supervisor/whole-lines.ts'
import { realWorld, type World } from '../../src/world.ts'

/** A world in which the test fires the timers. */
function clock() {
  let due: (() => void) | undefined
  const world = {
    ...realWorld,
    setTimeout: (callback: () => void) => {
      due = callback
      return { unref() {} } as unknown as NodeJS.Timeout
    },
    clearTimeout: () => (due = undefined),
  } as World
  const fire = () => {
    const callback = due
    due = undefined
    callback?.()
    return callback !== undefined
  }
  return { world, fire }
}

function lines() {
  const written: string[] = []
  const { world, fire } = clock()
  const whole = new WholeLines((chunk) => written.push(chunk.toString()), world)
  return { written, fire, take: (text: string) => whole.take(Buffer.from(text)), end: () => whole.end() }
}

t.test('a line is written whole, however it arrives', async (t) => {
  const { written, take } = lines()
  take('one\ntwo\nthr')
  take('e')
  take('e\n')
  t.strictSame(written, ['one\ntwo\n', 'three\n'])
})

t.test('the bytes and their order stay the same, and only the last chunk may lack its newline', async () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[ab\n]{1,5}$/)), (chunks) => {
      const { written, take, end } = lines()
      for (const chunk of chunks) take(chunk)
      end()
      return written.join('') === chunks.join('') && written.slice(0, -1).every((text) => text.endsWith('\n'))
    }),
  )
})

t.test('the start of a line is written after a while, and not before the rest could be read', async (t) => {
  const { written, take, fire } = lines()
  take('password: ')
  t.ok(fire(), 'the time is over')
  t.strictSame(written, [], 'what has arrived meanwhile is read first')
  take('x')
  fire()
  fire()
  t.strictSame(written, ['password: x'])
  take('\n')
  t.strictSame(written, ['password: x', '\n'])
  t.notOk(fire(), 'no timer is left')
})

t.test('a line without an end does not fill the memory', async (t) => {
  const { written, take } = lines()
  for (let n = 0; n < 3; n++) take('x'.repeat(512 * 1024))
  t.equal(written.join('').length, 3 * 512 * 1024)
})

t.test('after the end everything is written at once', async (t) => {
  const { written, take, end } = lines()
  take('last words')
  end()
  take('held back')
  t.strictSame(written, ['last words', 'held back'])
})

t.test('workers wait while the reader is slow, and do not while the reader is gone', async (t) => {
  const turn = () => new Promise(setImmediate)
  let isSlow = true
  let go = () => {}
  const to = new Writable({
    highWaterMark: 4,
    write(_chunk, _encoding, done) {
      if (!isSlow) return done()
      go = done
    },
  })
  const output = new Output(to)
  const worker = new PassThrough()
  output.relay(worker, realWorld)
  worker.write('a long line\n')
  await turn()
  t.ok(worker.isPaused())
  const written = output.written()
  isSlow = false
  go()
  await written
  await turn()
  t.notOk(worker.isPaused())
  isSlow = true
  worker.write('another line\n')
  await turn()
  t.ok(worker.isPaused())
  to.destroy(new Error('EPIPE'))
  await turn()
  t.notOk(worker.isPaused())
  worker.write('to nothing\n')
  await turn()
  t.notOk(worker.isPaused())
  await output.written()
})
