import t from 'tap'
import { checkName, checkRoom, checkText, isId } from '../../../../demo/chat/app/limits.ts'
import { tokenBucket } from '../../../../demo/chat/app/token-bucket.ts'

t.test('names are cleaned, and have a maximum length', async (t) => {
  t.strictSame(checkName('  Ann \n  Lee '), { value: 'Ann Lee' })
  t.strictSame(checkName('\u202egro.elpmaxe\u0000'), { value: 'gro.elpmaxe' }, 'nothing that turns the direction')
  t.strictSame(checkName('n'.repeat(25)), { reason: 'The name is longer than 24 characters.' })
  t.strictSame(checkName(' \u200e '), { reason: 'The name is empty.' })
  for (const unseen of ['\u200b', '\u2060 \ufeff', '\u3164', '\u2800\u00ad', '\u{e0041}']) {
    t.strictSame(checkName(unseen), { reason: 'The name has nothing that can be seen.' })
  }
  const family = '\u{1f469}\u200d\u{1f467}'
  t.strictSame(checkName(family), { value: family }, 'what joins characters stays')
  t.strictSame(checkName(undefined), { reason: 'The name is missing.' })
  t.strictSame(checkName({ toString: () => 'Ann' }), { reason: 'The name is missing.' })
})

t.test('rooms have plain names', async (t) => {
  t.strictSame(checkRoom('Küche 2'), { value: 'Küche 2' })
  t.match(checkRoom('<b>'), { reason: /letters, digits/ })
})

t.test('a message keeps its lines', async (t) => {
  t.strictSame(checkText('one\n\ttwo\r\n'), { value: 'one\n\ttwo' })
  t.match(checkText('x'.repeat(501)), { reason: /longer than 500/ })
})

t.test('an id is 32 hex digits', async (t) => {
  t.equal(isId('0123456789abcdef0123456789abcdef'), true)
  for (const wrong of ['', 'x'.repeat(32), 'a'.repeat(33), 7, ['a'.repeat(32)]]) t.equal(isId(wrong), false)
})

t.test('a token bucket allows a burst, then a steady rate', async (t) => {
  let now = 0
  const take = tokenBucket(2, 5, () => now)
  t.strictSame([take(), take(), take()], [0, 0, 200])
  now = 200
  t.strictSame([take(), take()], [0, 200])
  now = 60_000
  t.strictSame([take(), take(), take()], [0, 0, 200], 'what was not used does not pile up')
})
