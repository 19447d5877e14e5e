// Every way of steering, over every transport.

export interface Combination {
  /** Name on the command line. */
  name: 'handoff' | 'node-ipc' | 'kernel'
  title: string
  steering: 'handoff' | 'kernel'
  /** Value of HOLDFAST_NATIVE for the balancer. */
  native: '0' | '1'
}

export const COMBINATIONS: readonly Combination[] = [
  { name: 'handoff', title: 'hand-off over descriptor-channel', steering: 'handoff', native: '1' },
  { name: 'node-ipc', title: 'hand-off over node-ipc', steering: 'handoff', native: '0' },
  { name: 'kernel', title: 'kernel steering', steering: 'kernel', native: '1' },
]
