import t from 'tap'
import { readSettings } from '../../src/options/settings.ts'
import type { StickyOptions } from '../../src/index.ts'

const read = (ticketRotation: unknown) => readSettings({ ticketRotation } as StickyOptions).ticketRotation

t.test('ticketRotation is a day, some milliseconds, or off', async (t) => {
  t.equal(read(undefined), 86_400_000)
  t.equal(read(1_000), 1_000)
  t.equal(read(false), undefined)
})

t.test('a wrong ticketRotation is refused', async (t) => {
  for (const [value, name] of [
    [999, 'RangeError'],
    [2 ** 31, 'RangeError'],
    [1.5, 'RangeError'],
    ['1d', 'TypeError'],
    [true, 'TypeError'],
  ] as const) {
    t.throws(() => read(value), {
      name,
      message: /ticketRotation: expected milliseconds from 1000 to 2147483647, or false/,
    })
  }
})
