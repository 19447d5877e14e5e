import t from 'tap'
import { nodeIpc } from '../../src/transport/node-ipc.ts'
import { realWorld } from '../../src/world.ts'
import { transportContract } from './contract.ts'

transportContract(t, nodeIpc(realWorld, { isShared: true }))
