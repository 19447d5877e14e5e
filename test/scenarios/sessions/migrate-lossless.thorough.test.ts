// The tests of migrate-lossless.test.ts, with the other ways to transfer a connection.
import t from 'tap'
import { ways } from '../../support/kept-alive.ts'
import { losesNothing } from './migrate-ways.ts'

for (const way of ways.slice(1)) losesNothing(t, way)
