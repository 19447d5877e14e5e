import t from 'tap'
import { sharedNodeIpc } from '../../src/transport/node-ipc.ts'
import { transportContract } from './contract.ts'

transportContract(t, sharedNodeIpc)
