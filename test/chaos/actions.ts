// Performs the actions. An action resolves when it has had its effect; invariants.ts checks the state after it.
import { rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { isAlive, loopback, pool, until } from '../support/clients.ts'
import { stateOf } from '../support/program.ts'
import type { Action } from './plan.ts'
import type { Stage } from './stage.ts'

/** Milliseconds for an effect: health.deadline, the grace period after it and reload.deadline, one after the other. */
const EFFECT = 15_000

/** Megabytes to leak, well above health.maxHeap. */
const LEAK = 96

/** @throws Error if the effect does not come; an error with the fields of StickyError if the balancer refuses */
export function act(stage: Stage, action: Action): Promise<void> {
  switch (action.kind) {
    case 'kill':
      return kill(stage, action.worker)
    case 'terminate':
      return terminate(stage, action.worker)
    case 'pause':
      return stop(stage, action.worker, action.ms)
    case 'freeze':
      return freeze(stage, action.worker)
    case 'block':
      return block(stage, action.worker, action.ms)
    case 'leak':
      return leak(stage, action.worker)
    case 'break':
      return breakStart(stage, action.worker, action.starts)
    case 'exhaust':
      return exhaust(stage, action.worker, action.ms)
    case 'resets':
      return resets(stage, action.clients)
    case 'reload':
      return stage.balancer.reload()
    case 'scale':
      return scale(stage, action.workers)
  }
}

async function kill(stage: Stage, which: number): Promise<void> {
  const { worker, pid } = await stage.serving(which)
  if (!stage.signal(pid, 'SIGKILL')) return
  stage.isVictim(pid, worker)
  await ended(pid)
}

async function terminate(stage: Stage, which: number): Promise<void> {
  const { pid } = await stage.serving(which)
  if (stage.signal(pid, 'SIGTERM')) await ended(pid)
}

async function stop(stage: Stage, which: number, ms: number): Promise<void> {
  const { pid } = await stage.serving(which)
  if (!stage.signal(pid, 'SIGSTOP')) return
  await pause(ms)
  stage.signal(pid, 'SIGCONT')
}

async function freeze(stage: Stage, which: number): Promise<void> {
  const { worker, pid } = await stage.serving(which)
  if (!stage.signal(pid, 'SIGSTOP')) return
  stage.isVictim(pid, worker)
  await until(`process ${pid} has stopped`, () => !isAlive(pid) || stateOf(pid) === 'T')
  // Another action may continue the process.
  await until(`process ${pid} has ended`, () => !isAlive(pid) || stateOf(pid) !== 'T', EFFECT)
}

async function block(stage: Stage, which: number, ms: number): Promise<void> {
  await stage.ask(which, `/block?ms=${ms}`)
}

async function leak(stage: Stage, which: number): Promise<void> {
  const reply = await stage.ask(which, `/leak?mb=${LEAK}`)
  if (reply !== undefined) await ended(reply.pid)
}

async function breakStart(stage: Stage, which: number, starts: number): Promise<void> {
  let failed = 0
  const enough = stage.balancer.event<{ code: number | null }>('worker:exit', ({ code }) => {
    failed += Number(code === BROKEN)
    return failed >= starts
  })
  writeFileSync(stage.broken, '')
  try {
    await kill(stage, which)
    // A worker that was removed by scaling meanwhile does not start again.
    await Promise.race([enough, pause(BREAK)])
  } finally {
    rmSync(stage.broken)
  }
}

/** The exit code of the fixture that cannot start. */
const BROKEN = 9

/** Milliseconds in which a program that cannot start is tried several times. */
const BREAK = 4_000

async function exhaust(stage: Stage, which: number, ms: number): Promise<void> {
  const from = performance.now()
  const reply = await stage.ask(which, `/descriptors?ms=${ms}`)
  if (reply === undefined) return
  await pause(ms)
  const { steering } = await stage.balancer.status()
  // With hand-off the primary sends a connection again; in kernel steering the worker accepts, and closes connections.
  if (steering.name !== 'kernel') return
  stage.excuses.push({ why: 'exhausted', worker: reply.worker, from, to: performance.now() })
}

/** First address of the clients that reset; none of the load's clients has one of these addresses. */
const STORM = 200_000

async function resets({ balancer }: Stage, clients: number): Promise<void> {
  const visits = Array.from({ length: clients }, (_, n) => () => visitAndReset(balancer.port, n))
  await pool(visits, 100)
}

/** Connects and resets: some connections before a process accepts them, some in the middle of a request. */
function visitAndReset(port: number, n: number): Promise<void> {
  return new Promise((done, fail) => {
    const socket = net.connect({ port, host: '127.0.0.1', localAddress: loopback(STORM + n) })
    socket.on('error', (error: Error & { code?: string }) => {
      if (error.code === 'ECONNREFUSED') fail(error)
    })
    socket.on('close', () => done())
    socket.on('connect', () => {
      if (n % 3 === 1) socket.write('GET / HTTP/1.1\r\nHost:')
      if (n % 3 === 2) socket.write('GET / HTTP/1.1\r\nHost: chaos\r\n\r\n')
      socket.resetAndDestroy()
    })
  })
}

async function scale(stage: Stage, workers: number): Promise<void> {
  stage.workers = workers
  await stage.balancer.scale(workers)
}

function ended(pid: number): Promise<void> {
  return until(`process ${pid} has ended`, () => !isAlive(pid), EFFECT)
}
