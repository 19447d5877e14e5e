// Simulated child processes: the part of node:child_process that the supervisor uses, under the command of a test.
import type { ChildProcess } from 'node:child_process'
import { EventEmitter } from 'node:events'
import { envelope, PROTOCOL_VERSION, type ToPrimary } from '../../src/ipc/messages.ts'
import type { Fork } from '../../src/supervisor/fork.ts'

export class SimulatedChild extends EventEmitter {
  readonly pid: number
  connected = true
  readonly stderr = null
  /** Messages that were sent to the child. */
  readonly sent: unknown[] = []
  readonly signals: NodeJS.Signals[] = []

  constructor(pid: number) {
    super()
    this.pid = pid
  }

  send(message: unknown): boolean {
    this.sent.push(message)
    return true
  }

  kill(signal: NodeJS.Signals): boolean {
    this.signals.push(signal)
    return true
  }

  /** The child sends a message of Holdfast's protocol. */
  say(message: ToPrimary): void {
    this.emit('internalMessage', envelope(message))
  }

  ready(): void {
    this.say({ type: 'ready', version: PROTOCOL_VERSION, listeners: [0] })
  }

  exit(code: number | null, signal: NodeJS.Signals | null = null): void {
    this.connected = false
    this.emit('exit', code, signal)
    this.emit('close', code, signal)
  }
}

export type SimulatedFork = Fork & {
  readonly pids: number[]
  readonly children: Map<number, SimulatedChild>
  /** Number of next starts that fail. */
  failures: number
}

/** Starts simulated children with the pids 1, 2, 3 and so on. */
export function simulatedFork(): SimulatedFork {
  const children = new Map<number, SimulatedChild>()
  const pids: number[] = []
  const fork = (): ChildProcess => {
    if (simulated.failures > 0) {
      simulated.failures--
      throw new Error('spawn EAGAIN')
    }
    const child = new SimulatedChild(pids.length + 1)
    pids.push(child.pid)
    children.set(child.pid, child)
    return child as unknown as ChildProcess
  }
  const simulated: SimulatedFork = Object.assign(fork, { pids, children, failures: 0 })
  return simulated
}

export function childOf({ children }: SimulatedFork, pid: number): SimulatedChild {
  const child = children.get(pid)
  if (child === undefined) throw new Error(`no child with pid ${pid} was started`)
  return child
}
