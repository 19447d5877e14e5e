// CPU time and memory of a program with all its children, from Linux's /proc.
import { readdirSync, readFileSync } from 'node:fs'

/** Clock ticks per second in /proc/<pid>/stat; 100 on every Linux that Node runs on. */
const TICKS = 100

/** The pids of the processes and of all their descendants. */
export function processTree(roots: readonly number[]): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const parent = Number(statFields(Number(name))?.[1])
    const siblings = children.get(parent)
    if (siblings === undefined) children.set(parent, [Number(name)])
    else siblings.push(Number(name))
  }
  const found = new Set<number>()
  const visit = (pid: number): void => {
    if (found.has(pid)) return
    found.add(pid)
    for (const child of children.get(pid) ?? []) visit(child)
  }
  for (const root of roots) visit(root)
  return [...found]
}

/** User and system time in nanoseconds of all threads of these processes since their start. */
export function cpuTime(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (scheduled(pid) ?? ticks(pid)), 0)
}

/** User and system time in nanoseconds of the children of this process that have ended, and of theirs. */
export function endedCpuTime(): number {
  const fields = statFields(process.pid)
  return ((Number(fields?.[13] ?? 0) + Number(fields?.[14] ?? 0)) * 1e9) / TICKS
}

/** Memory of one process in bytes. */
export interface Memory {
  /** Resident: its own, and all of what it shares. */
  rss: number
  /** Its own, and its part of what it shares with others; undefined where the kernel does not tell. */
  pss: number | undefined
  /** Its own alone. */
  uss: number | undefined
}

export function memoryOf(pid: number): Memory {
  const text = read(`/proc/${pid}/smaps_rollup`)
  const of = (...names: string[]): number | undefined => {
    const found = names.map((name) => new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1])
    return found.includes(undefined) ? undefined : found.reduce((sum, kilobytes) => sum + Number(kilobytes) * 1024, 0)
  }
  return { rss: of('Rss') ?? residentMemory(pid), pss: of('Pss'), uss: of('Private_Clean', 'Private_Dirty') }
}

/** Resident memory in bytes. */
export function residentMemory(pid: number): number {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1]
  return Number(kilobytes ?? 0) * 1024
}

/** CPU time in nanoseconds; undefined if the kernel does not record it. */
function scheduled(pid: number): number | undefined {
  let sum = 0
  for (const thread of list(`/proc/${pid}/task`)) {
    sum += Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ', 1)[0])
  }
  return sum > 0 ? sum : undefined
}

function ticks(pid: number): number {
  const fields = statFields(pid)
  return ((Number(fields?.[11] ?? 0) + Number(fields?.[12] ?? 0)) * 1e9) / TICKS
}

/**
 * The fields from the state on: state, ppid, ...; utime is number 11, stime 12; 13 and 14 those of its children. The name
 * before may contain any character.
 */
function statFields(pid: number): string[] | undefined {
  const stat = read(`/proc/${pid}/stat`)
  return stat === '' ? undefined : stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** Reads the file; '' if the process has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

function list(path: string): string[] {
  try {
    return readdirSync(path)
  } catch {
    return []
  }
}
