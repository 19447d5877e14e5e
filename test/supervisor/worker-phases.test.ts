import * as fc from 'fast-check'
import t from 'tap'
import { accepts, transition, TRANSITIONS, type Phase, type PhaseEvent } from '../../src/supervisor/worker-phases.ts'

/** A process in the model: whether it is ready, and whether it was asked to finish. */
interface ModelProcess {
  isReady: boolean
  isRetired: boolean
}

/** The part of a managed worker that the phases describe. */
class Model {
  phase: Phase = 'idle'
  process: ModelProcess | undefined
  successor: ModelProcess | undefined
  former: ModelProcess | undefined
  isStartPlanned = false
  starts = 0
  /** All processes that were started and have not ended. */
  readonly alive = new Set<ModelProcess>()

  /** @param hasStandby - whether a standby process is ready when a vacancy is filled */
  dispatch(event: PhaseEvent, hasStandby: boolean): void {
    if (event === 'due') this.isStartPlanned = false
    if (event === 'replace' && this.#mayReplace()) this.successor = this.#start()
    const { to, actions } = transition(this.phase, event)
    this.phase = to
    for (const action of actions) {
      if (action === 'fork') this.process = this.#start()
      if (action === 'cancelStart') this.isStartPlanned = false
      if (action === 'clearProcess') this.process = undefined
      if (action === 'clearSuccessor') this.successor = undefined
      if (action === 'promote') this.#putInPlace(this.successor)
      if (action === 'adopt') this.#putInPlace(Object.assign(this.#start(), { isReady: true }))
      if (action === 'retire' && this.process !== undefined) this.process.isRetired = true
      if (action === 'retireFormer' && this.former !== undefined) this.former.isRetired = true
      if (action === 'drainSuccessor' && this.successor !== undefined) this.successor.isRetired = true
      if (action === 'fill' || action === 'fillLater') this.#fill(hasStandby)
    }
  }

  end(process: ModelProcess): void {
    this.alive.delete(process)
  }

  #mayReplace(): boolean {
    return this.successor === undefined && TRANSITIONS[this.phase].replace !== undefined
  }

  #start(): ModelProcess {
    this.starts++
    const process = { isReady: false, isRetired: false }
    this.alive.add(process)
    return process
  }

  #putInPlace(process: ModelProcess | undefined): void {
    this.former = this.process
    this.process = process
    this.successor = undefined
  }

  #fill(hasStandby: boolean): void {
    if (hasStandby) return this.dispatch('takeover', false)
    this.dispatch('scheduled', false)
    this.isStartPlanned = true
  }
}

/** Events that are possible in the model now: a process that does not exist cannot end. */
function possible(model: Model): PhaseEvent[] {
  const events: PhaseEvent[] = ['stop', 'dismiss', 'replace']
  if (model.phase === 'idle') events.push('start')
  if (model.isStartPlanned) events.push('due')
  if (model.process?.isReady === false && !model.process.isRetired) events.push('ready')
  if (model.process !== undefined && model.alive.has(model.process)) events.push('left', 'ended', 'takeover')
  if (model.process?.isReady === true && accepts(model.phase, 'taken')) events.push('taken')
  if (model.successor !== undefined) events.push('successorReady', 'successorEnded')
  return events
}

function step(model: Model, event: PhaseEvent, hasStandby: boolean): void {
  const { process, successor } = model
  if (event === 'ready' && process !== undefined) process.isReady = true
  if (event === 'successorReady' && successor !== undefined) successor.isReady = true
  if (event === 'left' && process !== undefined) process.isRetired = true
  // A process that was taken is the worker's from then on.
  if ((event === 'ended' || event === 'taken') && process !== undefined) model.end(process)
  if (event === 'successorEnded' && successor !== undefined) model.end(successor)
  // A standby takes the place of a stuck process only while no successor starts.
  if (event === 'takeover' && (successor !== undefined || process?.isReady !== true)) return
  model.dispatch(event, hasStandby)
}

function check(model: Model): string | undefined {
  const { phase, process, successor, isStartPlanned } = model
  const holds: Record<Phase, boolean> = {
    idle: process === undefined && successor === undefined && !isStartPlanned,
    vacant: false,
    waiting: process === undefined && successor === undefined && isStartPlanned,
    starting: process?.isReady === false && successor === undefined && !isStartPlanned,
    serving: process?.isReady === true && successor === undefined && !isStartPlanned,
    replacing: process?.isReady === true && successor !== undefined && !isStartPlanned,
    overtaking: process?.isReady === false && successor !== undefined && !isStartPlanned,
    dismissed: !isStartPlanned,
    stopped: !isStartPlanned,
  }
  if (!holds[phase]) return `${phase} with ${JSON.stringify({ process, successor, isStartPlanned })}`
  if (phase === 'stopped') return undefined
  const forgotten = [...model.alive].find((one) => one !== process && one !== successor && !one.isRetired)
  return forgotten === undefined ? undefined : `in ${phase} a process lives on that nothing refers to`
}

const walk = fc.array(fc.record({ pick: fc.nat(1_000), hasStandby: fc.boolean() }), { maxLength: 60 })

t.test('in every phase exactly the processes exist that the phase names, and none is forgotten', async () => {
  fc.assert(
    fc.property(walk, (steps) => {
      const model = new Model()
      for (const { pick, hasStandby } of [{ pick: 3, hasStandby: false }, ...steps]) {
        const events = possible(model)
        const event = events[pick % events.length]!
        step(model, event, hasStandby)
        const complaint = check(model)
        if (complaint !== undefined) throw new Error(`after ${event}: ${complaint}`)
      }
    }),
    { numRuns: 2_000 },
  )
})

t.test('no process is started after the stop', async () => {
  fc.assert(
    fc.property(walk, fc.nat(60), (steps, stopAt) => {
      const model = new Model()
      model.dispatch('start', false)
      for (const { pick, hasStandby } of steps.slice(0, stopAt)) {
        const events = possible(model)
        step(model, events[pick % events.length]!, hasStandby)
      }
      model.dispatch('stop', false)
      const { starts } = model
      for (const { pick, hasStandby } of steps.slice(stopAt)) {
        const events = possible(model)
        step(model, events[pick % events.length]!, hasStandby)
      }
      return model.starts === starts
    }),
  )
})

t.test('a process is retired only after another one is announced, or because the worker is dismissed', async (t) => {
  for (const [phase, events] of Object.entries(TRANSITIONS)) {
    for (const [event, { actions }] of Object.entries(events)) {
      const at = actions.indexOf('retireFormer')
      if (at >= 0) t.ok(actions.indexOf('announce') < at && actions.includes('announce'), `${phase}, ${event}`)
      if (actions.includes('retire')) t.equal(event, 'dismiss', phase)
    }
  }
})

t.test('an event that a phase does not list changes nothing', async (t) => {
  t.strictSame(transition('serving', 'due'), { to: 'serving', actions: [] })
  t.strictSame(transition('stopped', 'start'), { to: 'stopped', actions: [] })
})
