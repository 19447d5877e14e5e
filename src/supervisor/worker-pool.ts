// Who there is: the workers, and the standbys that wait to take the place of one.
import { newMember, type Member } from './member.ts'
import type { WorkerProcess } from './worker-process.ts'

export class Crew {
  /** The workers, each at the index that is its id. */
  readonly workers: Member[] = []
  /** Their ids are -1, -2 and so on. */
  readonly standbys: Member[] = []

  get all(): Member[] {
    return [...this.workers, ...this.standbys]
  }

  /** Spares that could take over now. */
  get standby(): number {
    return this.standbys.filter(isReady).length
  }

  /** One that could take over now. */
  get readyStandby(): Member | undefined {
    return this.standbys.find(isReady)
  }

  /** A worker that has no process, not even one that is getting ready. */
  get missing(): Member | undefined {
    return this.workers.find(({ current, next }) => (current ?? next) === undefined)
  }

  /** The one whose id the process has; another process may serve as it. */
  memberOf({ id }: Pick<WorkerProcess, 'id'>): Member | undefined {
    return id < 0 ? this.standbys[-1 - id] : this.workers[id]
  }

  /** Whether a process serves as this worker. */
  serves(id: number): boolean {
    const member = this.workers[id]
    return member !== undefined && isReady(member)
  }

  /** Whether anybody serves at all. */
  get isServing(): boolean {
    return this.workers.some(isReady)
  }

  /** One worker more, without a process yet. */
  addWorker(): Member {
    return added(this.workers, this.workers.length)
  }

  addStandby(): Member {
    return added(this.standbys, -1 - this.standbys.length)
  }

  /** Leaves so many workers. @returns those that are none any more */
  cut(workers: number): Member[] {
    return this.workers.splice(workers)
  }
}

function added(members: Member[], id: number): Member {
  const member = newMember(id)
  members.push(member)
  return member
}

function isReady({ current }: Member): boolean {
  return current?.state === 'ready'
}
