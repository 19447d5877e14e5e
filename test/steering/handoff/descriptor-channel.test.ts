import t from 'tap'
import { loadLibc } from '../../../src/native/libc.ts'
import { steeringContract } from '../contract.ts'

const { libc, reason } = loadLibc()
if (libc === undefined) t.test('handoff-descriptor-channel', { skip: reason }, () => {})
else steeringContract(t, { steering: 'handoff', native: '1' })
