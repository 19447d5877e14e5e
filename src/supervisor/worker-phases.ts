// The life of one worker id as a state machine: the phase that follows each event, and the actions that go with it. Pure.
// Processes come and go; the id stays. docs/architecture.md has the same table as a drawing.

/**
 * idle: not started yet. vacant: the worker has no process, and a standby or a planned start comes next; for a standby that
 * gave its process away, this lasts a turn of the event loop. waiting: a start is planned. starting: its process is not ready yet. serving: its process is ready. replacing: its process serves, and a
 * successor starts. overtaking: its process is not ready yet, and a successor starts already. dismissed: scaled away.
 * stopped: the primary closes.
 */
export type Phase =
  'idle' | 'vacant' | 'waiting' | 'starting' | 'serving' | 'replacing' | 'overtaking' | 'dismissed' | 'stopped'

/**
 * start: the supervisor starts. due: the planned start has come. scheduled: a start was planned. forkFailed: the system
 * could not start a process. ready, left, ended: the process is ready, leaves by itself, has ended. replace: a successor
 * was started. successorReady, successorEnded: the same events of the successor. takeover: a standby process takes the
 * place. taken: the process of a standby took the place of a worker. dismiss: the worker is scaled away. stop: the primary
 * closes.
 */
export type PhaseEvent =
  | 'start'
  | 'due'
  | 'scheduled'
  | 'forkFailed'
  | 'ready'
  | 'left'
  | 'ended'
  | 'replace'
  | 'successorReady'
  | 'successorEnded'
  | 'takeover'
  | 'taken'
  | 'dismiss'
  | 'stop'

/**
 * fork: starts a process. cancelStart: drops the planned start. recordEnd, recordSuccessorEnd: the end of the process, or of its
 * successor, counts for the delay of the next start. forgetEnds: earlier ends do not count any more. clearProcess: the worker has no
 * process. clearSuccessor: it has no successor. promote: the successor becomes the process. adopt: the standby process
 * becomes the process. announce: connections go to the process from now on; the process of a standby may be taken from now on. retire: the process gets no more connections
 * and finishes. retireFormer: the same for the process before it. drainSuccessor: the successor finishes. fill: a standby
 * takes over, or a start is planned. fillLater: the same in the next turn of the event loop.
 */
export type Action =
  | 'fork'
  | 'cancelStart'
  | 'recordEnd'
  | 'recordSuccessorEnd'
  | 'forgetEnds'
  | 'clearProcess'
  | 'clearSuccessor'
  | 'promote'
  | 'adopt'
  | 'announce'
  | 'retire'
  | 'retireFormer'
  | 'drainSuccessor'
  | 'fill'
  | 'fillLater'

export interface Transition {
  readonly to: Phase
  readonly actions: readonly Action[]
}

const to = (phase: Phase, ...actions: Action[]): Transition => ({ to: phase, actions })

const STOP = to('stopped', 'cancelStart')

/** Events that a phase does not list change nothing there. */
export const TRANSITIONS: Readonly<Record<Phase, Readonly<Partial<Record<PhaseEvent, Transition>>>>> = {
  idle: {
    start: to('starting', 'fork'),
    stop: STOP,
  },
  vacant: {
    scheduled: to('waiting'),
    takeover: to('serving', 'adopt', 'announce'),
    dismiss: to('dismissed', 'forgetEnds'),
    stop: STOP,
  },
  waiting: {
    due: to('starting', 'fork'),
    replace: to('starting', 'cancelStart', 'promote'),
    takeover: to('serving', 'cancelStart', 'adopt', 'announce'),
    dismiss: to('dismissed', 'cancelStart', 'forgetEnds'),
    stop: STOP,
  },
  starting: {
    ready: to('serving', 'announce'),
    left: to('vacant', 'recordEnd', 'clearProcess', 'fill'),
    ended: to('vacant', 'recordEnd', 'clearProcess', 'fill'),
    forkFailed: to('vacant', 'recordEnd', 'fill'),
    replace: to('overtaking'),
    dismiss: to('dismissed', 'forgetEnds', 'retire'),
    stop: STOP,
  },
  serving: {
    left: to('vacant', 'recordEnd', 'clearProcess', 'fill'),
    ended: to('vacant', 'recordEnd', 'clearProcess', 'fill'),
    replace: to('replacing'),
    takeover: to('serving', 'adopt', 'announce', 'retireFormer'),
    taken: to('vacant', 'forgetEnds', 'clearProcess', 'fillLater'),
    dismiss: to('dismissed', 'forgetEnds', 'retire'),
    stop: STOP,
  },
  replacing: {
    left: to('starting', 'recordEnd', 'promote'),
    ended: to('starting', 'recordEnd', 'promote'),
    successorReady: to('serving', 'promote', 'announce', 'retireFormer'),
    successorEnded: to('serving', 'recordSuccessorEnd', 'clearSuccessor'),
    taken: to('starting', 'forgetEnds', 'promote'),
    dismiss: to('dismissed', 'forgetEnds', 'drainSuccessor', 'retire'),
    stop: STOP,
  },
  overtaking: {
    ready: to('replacing', 'announce'),
    left: to('starting', 'recordEnd', 'promote'),
    ended: to('starting', 'recordEnd', 'promote'),
    successorReady: to('serving', 'promote', 'announce', 'retireFormer'),
    successorEnded: to('starting', 'recordSuccessorEnd', 'clearSuccessor'),
    dismiss: to('dismissed', 'forgetEnds', 'drainSuccessor', 'retire'),
    stop: STOP,
  },
  dismissed: { stop: STOP },
  stopped: {},
}

/** Whether the phase lists the event, so that it has an effect there. */
export function accepts(phase: Phase, event: PhaseEvent): boolean {
  return TRANSITIONS[phase][event] !== undefined
}

/** The transition at an event; to the same phase without actions where the phase does not list the event. */
export function transition(phase: Phase, event: PhaseEvent): Transition {
  return TRANSITIONS[phase][event] ?? to(phase)
}
