import t from 'tap'
import { steeringContract } from '../contract.ts'

steeringContract(t, { steering: 'handoff', native: '0' })
