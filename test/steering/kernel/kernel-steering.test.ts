import t from 'tap'
import { loadLibc } from '../../../src/native/libc.ts'
import { steeringContract } from '../contract.ts'

const { libc, reason } = loadLibc()
if (libc === undefined) t.test('kernel', { skip: reason }, () => {})
else steeringContract(t, { steering: 'kernel', native: '1' })
