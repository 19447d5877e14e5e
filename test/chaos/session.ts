// Runs one combination of steering and transport from its start to its end, always under load.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBalancer } from '../support/balancer.ts'
import { isAlive, loopback, until } from '../support/clients.ts'
import type { Combination } from './combinations.ts'
import { baseDescriptors } from './invariants.ts'
import { startLoad } from './load.ts'
import { describeAction, WORKERS, type Step } from './plan.ts'
import { Stage } from './stage.ts'
import { playStep, type Outcome } from './step.ts'

const CLIENTS = 60

/** Limit of descriptors of the primary and of each worker; kernel steering needs 256 in the primary. */
const DESCRIPTORS = 1024

/**
 * Short times in milliseconds, so that much happens in a minute. But the drain deadline is longer than the clients'
 * limit, so that a client that waits for a process stuck in its drain is noticed.
 */
const OPTIONS = {
  workers: WORKERS,
  health: { interval: 100, unhealthyAfter: 5, ackTimeout: 100, deadline: 2_500, maxHeap: 64 * 1024 * 1024 },
  limits: { holdTimeout: 1_500 },
  restart: {
    minDelay: 20,
    maxDelay: 200,
    stableAfter: 1_000,
    maxStartCrashes: 3,
    maxCrashesPerMinute: 1_000,
    retryDelay: 300,
    onGiveUp: 'keep',
  },
  reload: { grace: 50, spread: 300, deadline: 60_000 },
} as const

export interface Script {
  steps: readonly Step[]
  /** Number of standby processes. */
  standby: number
}

/** Writes progress and complaints. */
export type Say = (text: string) => void

/** @returns whether all checks passed */
export async function play({ steering, native }: Combination, script: Script, say: Say): Promise<boolean> {
  const ends: (() => Promise<void>)[] = []
  const scope = { teardown: (end: () => Promise<void>) => void ends.push(end) }
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-chaos-'))
  const broken = join(folder, 'broken')
  const { steps, standby } = script
  try {
    const balancer = await startBalancer(scope, {
      kind: 'ws',
      options: { ...OPTIONS, steering, standby },
      env: { HOLDFAST_NATIVE: native, FIXTURE_BROKEN: broken },
      descriptors: DESCRIPTORS,
    })
    const addresses = Array.from({ length: CLIENTS }, (_, n) => loopback(n))
    const load = startLoad(balancer.port, addresses)
    scope.teardown(() => load.stop())
    const stage = new Stage({ balancer, load, addresses, broken, standby, workers: WORKERS })
    // The processes end with this program, also after Ctrl-C or an error, and also processes that are stopped.
    const killAll = (): void => stage.killAll()
    process.once('exit', killAll)
    scope.teardown(async () => void process.off('exit', killAll))
    await until('every client was answered', () => load.landed.size === CLIENTS)
    await until('the standbys are there', async () => (await balancer.status()).standby === standby)
    await load.rest()
    const base = await baseDescriptors(stage)
    load.go()
    let well = true
    for (const [i, step] of steps.entries()) {
      const what = `${String(i + 1).padStart(3)}/${steps.length}  ${describeStep(step).padEnd(54)}`
      well = (await report(stage, what, () => playStep(stage, step, base), say)) && well
    }
    await load.stop()
    return (await report(stage, '    end', () => end(stage), say)) && well
  } finally {
    for (const end of ends.toReversed()) await end()
    rmSync(folder, { recursive: true })
  }
}

const COMPLAINTS_SHOWN = 12

async function report(stage: Stage, what: string, run: () => Promise<Outcome>, say: Say): Promise<boolean> {
  const { balancer, load } = stage
  const logged = balancer.output().length
  const answered = load.answers
  const since = performance.now()
  say(what)
  const { complaints, cutOff } = await run()
  const seconds = ((performance.now() - since) / 1000).toFixed(1).padStart(5)
  const verdict = complaints.length === 0 ? 'ok  ' : 'FAIL'
  say(` ${verdict} ${seconds} s, ${load.answers - answered} answers, ${cutOff} cut off\n`)
  if (complaints.length === 0) return true
  const shown = complaints.slice(0, COMPLAINTS_SHOWN)
  for (const complaint of shown) say(`         ${complaint}\n`)
  if (complaints.length > shown.length) say(`         and ${complaints.length - shown.length} more\n`)
  for (const line of balancer.output().slice(logged).trim().split('\n')) say(`         | ${line}\n`)
  return false
}

/** Closes the balancer, and checks that no process was killed or is left. */
async function end({ balancer, children }: Stage): Promise<Outcome> {
  const left = children()
  const clean = await balancer.close()
  const { code } = await balancer.exited
  const alive = left.filter(isAlive)
  const complaints = [
    ...(clean ? [] : ['close() says that something had to be killed']),
    ...(code === 0 ? [] : [`the primary ended with code ${code}`]),
    ...(alive.length === 0 ? [] : [`processes left over: ${alive.join(', ')}`]),
  ]
  return { complaints, cutOff: 0 }
}

function describeStep({ actions }: Step): string {
  return actions
    .map(({ action, after }) => `${describeAction(action)}${after === 0 ? '' : ` (after ${after} ms)`}`)
    .join(' and ')
}
