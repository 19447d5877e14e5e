import t from 'tap'
import { loadLibc } from '../../src/native/libc.ts'
import { descriptorChannel } from '../../src/transport/descriptor-channel.ts'
import { transportContract } from './contract.ts'

const { libc, reason } = loadLibc()
if (libc === undefined) t.test('descriptor-channel', { skip: reason }, () => {})
else transportContract(t, descriptorChannel(libc))
