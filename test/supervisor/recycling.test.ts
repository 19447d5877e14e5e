import * as fc from 'fast-check'
import t from 'tap'
import { recycleComplaint } from '../../src/supervisor/recycling.ts'

const bounds = { maxAge: 10_000, maxServed: 1_000 }

t.test('a worker is recycled at a random point between four fifths of a bound and the bound', async (t) => {
  t.equal(recycleComplaint({ age: 7_999, served: 799 }, bounds, 0), undefined)
  t.match(recycleComplaint({ age: 8_000, served: 0 }, bounds, 0), /8 s old/)
  t.match(recycleComplaint({ age: 0, served: 800 }, bounds, 0), /800 connections/)
  t.equal(recycleComplaint({ age: 9_999, served: 999 }, bounds, 1), undefined)
  t.match(recycleComplaint({ age: 10_000, served: 0 }, bounds, 1), /10 s old/)
})

t.test('without bounds a worker is never recycled', async () => {
  const forever = { maxAge: Infinity, maxServed: Infinity }
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (age, served, luck) => {
      return recycleComplaint({ age, served }, forever, luck) === undefined
    }),
  )
})
